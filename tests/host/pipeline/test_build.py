"""The whole way from a folder of pictures to a bundle, through the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_build import QUIET, SIGNS, Built, build_arguments, device, edge_asl

from edge_asl.datasets.fetch.record import RECORD
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.split_files import read_split
from edge_asl.datasets.splits import pictures_of
from edge_asl.errors import DataError
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.calibration_set import LIST, keep_calibration_pictures
from edge_asl.progress import Quiet
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.known_answer import KNOWN_ANSWER, read_known_answer
from edge_asl_device.contract.manifest import MODEL, PublicData
from edge_asl_device.files import sha256_of

STEPS = ("split", "pictures", "training", "quantization", "evaluation", "bundle")


@pytest.fixture
def copied(built: Built, tmp_path: Path) -> Built:
    """The tiny build with all it left behind, for changing."""
    shutil.copytree(built.bundle.parent, tmp_path / "models")
    shutil.copytree(built.calibration.parent, tmp_path / "calibration")
    arguments = build_arguments(built.data, tmp_path)
    return Built(built.data, tmp_path / "models" / "tiny", tmp_path / "calibration" / "tiny", arguments, built.run)


def steps_of(run: subprocess.CompletedProcess[str]) -> dict[str, bool]:
    """Which steps a build did (True) and which it found done (False)."""
    said = re.findall(rf"^({'|'.join(STEPS)}):( unchanged)?$", run.stderr, flags=re.MULTILINE)
    return {name: not unchanged for name, unchanged in said}


def metrics(built: Built) -> dict[str, object]:
    return json.loads((built.bundle / "metrics.json").read_text())


def test_the_device_reads_the_bundle(built: Built):
    bundle = read_bundle(built.bundle)

    manifest = bundle.manifest
    assert bundle.labels == SIGNS
    assert (manifest.name, manifest.input.height, manifest.input.width) == ("tiny", 32, 32)
    assert set(manifest.files) == {MODEL, KNOWN_ANSWER, "labels.txt", "metrics.json", "report.html"}
    check = read_known_answer(bundle)
    assert check is not None
    assert check.label in SIGNS
    assert manifest.provenance.recipe == "demo"
    assert manifest.provenance.data_digest == read_dataset(built.data).digest
    assert manifest.minimum_runtime == "1.14.0"
    assert manifest.metrics is not None
    assert manifest.metrics.accuracy_int8 == metrics(built)["accuracy"]
    assert (manifest.metrics.split, manifest.metrics.pictures, manifest.metrics.people) == ("test by signer", 12, 1)


def test_every_step_was_done_once(built: Built):
    assert steps_of(built.run) == dict.fromkeys(STEPS, True)


def test_json_is_one_object_on_standard_output_alone(built: Built):
    lines = built.run.stdout.splitlines()

    assert len(lines) == 1
    assert json.loads(lines[0]) == metrics(built)


def test_a_second_build_does_nothing_and_starts_no_tensorflow(built: Built):
    before = {path: path.stat().st_mtime_ns for path in built.bundle.iterdir()}
    command = [sys.executable, "-X", "importtime", "-m", "edge_asl", *built.arguments]

    run = subprocess.run(command, env=os.environ | QUIET, capture_output=True, text=True, timeout=60, check=True)

    assert steps_of(run) == dict.fromkeys(STEPS, False)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert "edge_asl.pipeline.build" in imported  # the list is really one of imports
    assert not {name for name in imported if name.partition(".")[0] in {"tensorflow", "keras", "ai_edge_litert"}}
    assert {path: path.stat().st_mtime_ns for path in built.bundle.iterdir()} == before
    assert f"accuracy     {metrics(built)['accuracy']:.2%}" in run.stdout
    assert f"bundle: {built.bundle}" in run.stdout


def test_a_setting_of_the_device_changes_the_manifest_alone(copied: Built):
    model = sha256_of(copied.bundle / MODEL)

    run = edge_asl(*copied.arguments, "--set", "decoder.hold_s=0.5")

    assert run.returncode == 0, run.stderr
    assert steps_of(run) == dict.fromkeys(STEPS, False) | {"bundle": True}
    bundle = read_bundle(copied.bundle)
    assert bundle.manifest.decoder.hold_s == 0.5
    assert sha256_of(bundle.model) == model


def test_a_threshold_of_the_device_is_measured_again(copied: Built):
    run = edge_asl(*copied.arguments, "--set", "decoder.accept_probability=0.9")

    assert run.returncode == 0, run.stderr
    assert steps_of(run) == dict.fromkeys(STEPS, False) | {"evaluation": True, "bundle": True}
    assert json.loads((copied.bundle / "metrics.json").read_text())["shipped"]["threshold"] == 0.9


def test_the_bundle_says_which_public_data_it_was_trained_on(copied: Built, tmp_path: Path):
    data = Path(shutil.copytree(copied.data, tmp_path / "data"))
    facts = {"name": "some-hands", "version": "3", "licence": "CC0-1.0", "digest": "a" * 64}
    urls = {"url": "https://example.org/hands", "licence_url": "https://example.org/cc0"}
    more = {"fetched_from": "/home/somebody/hands.zip", "layout": "folders", "pictures": 96, "fetched": "2026-11-20"}
    (data / RECORD).write_text(json.dumps(facts | urls | more))

    run = edge_asl(*build_arguments(data, tmp_path))

    assert run.returncode == 0, run.stderr
    assert steps_of(run) == dict.fromkeys(STEPS, False) | {"bundle": True}
    provenance = read_bundle(copied.bundle).manifest.provenance
    assert provenance.public_data == (PublicData(**facts, **urls),)
    assert provenance.data_digest == read_dataset(copied.data).digest, "it is no picture"
    assert "somebody" not in (copied.bundle / "manifest.json").read_text()
    assert "trained on some-hands 3, CC0-1.0" in edge_asl("inspect", copied.bundle).stdout
    (data / RECORD).write_text("{}")
    assert f"{data / RECORD}: cannot be read: " in edge_asl(*build_arguments(data, tmp_path)).stderr.splitlines()[-1]


@pytest.mark.parametrize("name", [MODEL, "labels.txt", "report.html"])
def test_a_damaged_bundle_is_written_again(copied: Built, name: str):
    (copied.bundle / name).unlink()

    run = edge_asl(*copied.arguments)

    assert run.returncode == 0, run.stderr
    assert steps_of(run) == dict.fromkeys(STEPS, False) | {"bundle": True}
    read_bundle(copied.bundle)


def test_a_model_that_is_not_good_enough_leaves_the_earlier_bundle(copied: Built):
    before = {path.name: path.read_bytes() for path in copied.bundle.iterdir()}

    run = edge_asl(*copied.arguments, "--version", "9.9", "--min-accuracy", "1", "--json")

    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.splitlines()[-1].startswith(f"edge-asl: {copied.data}: expected accuracy 100.0% or more on test")
    assert {path.name: path.read_bytes() for path in copied.bundle.iterdir()} == before
    good_enough = edge_asl(*copied.arguments, "--version", "9.9", "--min-accuracy", "0")
    assert good_enough.returncode == 0, good_enough.stderr
    assert read_bundle(copied.bundle).manifest.version == "9.9"


def test_calibration_pictures_are_kept_with_their_sums(built: Built):
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", LIST], cwd=built.calibration, capture_output=True, text=True, check=False
    )

    assert check.returncode == 0, check.stderr
    kept = list(built.calibration.rglob("*.jpg"))
    assert len(kept) == len(check.stdout.splitlines()) == 12
    assert {label: len(list((built.calibration / label).iterdir())) for label in SIGNS} == dict.fromkeys(SIGNS, 3)
    dataset = read_dataset(built.data)
    training = read_split(built.work / "split.json", dataset).parts["train"]
    known = {sha256_of(built.data / path) for path in training}
    assert {sha256_of(path) for path in kept} <= known


def test_pictures_of_like_names_do_not_spoil_each_other(tmp_path: Path):
    """Calibration pictures are hard links: writing over one would write over the user's own picture."""
    data = tmp_path / "data"
    for number, name in enumerate(["A/p_1/x.png", "A/p/1_x.png", "A/p/1/x.png", "B/y.png"]):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(data / name), np.full((20, 20, 3), 50 * number, np.uint8))
    before = {path: path.read_bytes() for path in data.rglob("*.png")}
    dataset = read_dataset(data)
    assert len(dataset.pictures) == 4

    keep_calibration_pictures(tmp_path / "kept", dataset, dataset.pictures)

    assert {path: path.read_bytes() for path in data.rglob("*.png")} == before
    assert {path.read_bytes() for path in (tmp_path / "kept").rglob("*.png")} == set(before.values())
    subprocess.run(["sha256sum", "--check", "--quiet", LIST], cwd=tmp_path / "kept", check=True)


def test_a_folder_of_the_users_is_not_replaced_by_calibration_pictures(tmp_path: Path):
    data = tmp_path / "data"
    for label in "AB":
        (data / label).mkdir(parents=True)
        cv2.imwrite(str(data / label / "1.png"), np.full((20, 20, 3), ord(label), np.uint8))
    dataset = read_dataset(data)

    with pytest.raises(DataError, match="choose another --calibration"):
        keep_calibration_pictures(data / "A", dataset, dataset.pictures)

    assert (data / "A" / "1.png").is_file()
    keep_calibration_pictures(tmp_path / "kept", dataset, dataset.pictures)
    keep_calibration_pictures(tmp_path / "kept", dataset, dataset.pictures[:1])
    assert len(list((tmp_path / "kept").rglob("*.png"))) == 1


def test_evaluating_the_bundle_again_finds_the_same(built: Built, tmp_path: Path):
    run = edge_asl("evaluate", built.bundle, "--data", built.data, "--json", "--report", tmp_path / "again.html")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    for key in ("accuracy", "pictures", "people", "top3", "confusion"):
        assert found[key] == metrics(built)[key]
    assert found["split"] == "hands, test by signer"
    assert "tiny on hands" in (tmp_path / "again.html").read_text()


def test_other_parts_are_evaluated_on_demand(built: Built):
    counted = {}
    for part in ("all", "train", "validation"):
        run = edge_asl("evaluate", built.bundle, "--data", built.data, "--split", part, "--json")
        counted[part] = json.loads(run.stdout)["pictures"]

    assert counted == {"all": 96, "train": 72, "validation": 12}


def test_inspect_tells_what_the_bundle_holds(built: Built):
    run = edge_asl("inspect", built.bundle)

    assert run.returncode == 0, run.stderr
    assert "no floating-point tensor" in run.stdout
    assert "4 labels: A B L nothing" in run.stdout
    facts = json.loads(edge_asl("inspect", built.bundle, "--json").stdout)
    assert facts["models"]["sign"]["inputs"][0]["shape"] == [1, 32, 32, 3]
    assert facts["manifest"]["name"] == "tiny"


def test_the_evaluation_saw_what_the_device_program_says(built: Built):
    """The same pictures through the workstation's evaluation and through ``edge-asl-device classify``: to the bit."""
    dataset = read_dataset(built.data)
    pictures = pictures_of(dataset, read_split(built.work / "split.json", dataset), "test")
    answers = predict(built.bundle, dataset, pictures, Quiet())

    run = device("classify", built.bundle, *(built.data / p.path for p in pictures), "--top", 4, "--json")

    assert run.returncode == 0, run.stderr
    said = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["file"] for line in said] == [str(built.data / picture.path) for picture in pictures]
    for line, probabilities in zip(said, answers.probabilities, strict=True):
        by_label = {found["label"]: found["probability"] for found in line["predictions"]}
        assert by_label == dict(zip(SIGNS, probabilities.tolist(), strict=True))
    right = sum(line["predictions"][0]["label"] == p.label for line, p in zip(said, pictures, strict=True))
    assert right / len(pictures) == metrics(built)["accuracy"]


def test_a_backbone_with_its_own_pixels_and_a_flattened_head_becomes_a_bundle(drawn: Path, tmp_path: Path):
    """VGG16 wants BGR without the mean; flattening and batch norm between dense layers must become int8, too."""
    settings = {
        "model.backbone": "vgg16",
        "model.alpha": "1",
        "model.size": "64",
        "model.pooling": "flatten",
        "model.dense": "[{units = 16, dropout = 0.2, batch_norm = true}]",
        "training.layers": "0",
        "training.epochs": "2",
        "training.variants": "1",
    }
    run = edge_asl(*build_arguments(drawn, tmp_path, **settings), "--json")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert abs(found["lost_points"]) <= 100 / 12 + 0.1  # one picture of twelve
    bundle = tmp_path / "models" / "tiny"
    assert read_bundle(bundle).manifest.operators["RESHAPE"] >= 1
    said = device("classify", bundle, next(drawn.rglob("*.jpg")), "--json")
    assert said.returncode == 0, said.stderr


def test_export_writes_what_keras_reads_and_the_split(built: Built, tmp_path: Path):
    run = edge_asl("export", built.bundle, "--data", built.data, "--out", tmp_path / "exported", "--json")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["accuracy_score"] == metrics(built)["accuracy"]
    out = tmp_path / "exported"
    assert sorted(found["files"]) == sorted(path.name for path in out.iterdir())
    scores = json.loads((out / "scores.json").read_text())
    assert np.array(scores["confusion_matrix"]).sum() == 12
    assert np.trace(scores["confusion_matrix"]) == 12 - len(scores["wrong"])
    assert cv2.imread(str(out / "confusion.png")) is not None
    shapes = {part: np.load(out / f"x_{part}.npy").shape for part in ("train", "validation", "test")}
    assert shapes == {part: (n, 32, 32, 3) for part, n in (("train", 72), ("validation", 12), ("test", 12))}
    # Keras alone, on the arrays alone, says of the test part what the build's float network said.
    code = """import sys; import keras; import numpy as np; folder = sys.argv[1] + "/"
x = (np.load(folder + "x_test.npy").astype("float32") - 128) / 128
whole = keras.models.load_model(folder + "model.keras").predict(x, verbose=0)
parts = keras.models.model_from_json(open(folder + "architecture.json").read())
parts.load_weights(folder + "model.weights.h5")
assert np.array_equal(whole, parts.predict(x, verbose=0))
np.save(folder + "said.npy", whole)"""
    keras = subprocess.run(
        [sys.executable, "-c", code, str(out)], env=os.environ | QUIET, capture_output=True, text=True, check=False
    )
    assert keras.returncode == 0, keras.stderr[-2000:]
    np.testing.assert_allclose(np.load(out / "said.npy"), np.load(built.work / "float-test.npy"), atol=1e-5)


def test_export_says_why_it_cannot(built: Built, tmp_path: Path):
    moved = shutil.copytree(built.bundle, tmp_path / "models" / "moved")
    for bundle, message in (
        (moved, "the float network is missing; export where the bundle was built"),
        (Path(__file__).parents[3] / "models" / "letters", "found one that reads hands"),
    ):
        run = edge_asl("export", bundle, "--out", tmp_path / "exported")
        assert (run.returncode, run.stdout) == (1, "")
        assert message in run.stderr
        assert not (tmp_path / "exported").exists()
    few = shutil.copytree(built.data, tmp_path / "few")
    next((few / SIGNS[0]).iterdir()).unlink()
    other = edge_asl("export", built.bundle, "--data", few, "--out", tmp_path / "exported")
    assert (other.returncode, other.stdout) == (1, "")
    assert f"expected the pictures that {built.bundle} was built from, found others" in other.stderr
    assert not list(tmp_path.glob("*exported*"))


def test_export_refuses_a_network_that_is_not_the_bundles(built: Built, tmp_path: Path):
    """A second build that was stopped after its training leaves other weights beside the bundle of the first."""
    bundle = shutil.copytree(built.bundle, tmp_path / "models" / built.bundle.name)
    work = shutil.copytree(built.work, tmp_path / "models" / ".work" / built.bundle.name)
    record = json.loads((work / "steps.json").read_text())
    record["training"][1] = f"1:{time.time_ns()}"
    (work / "steps.json").write_text(json.dumps(record))

    run = edge_asl("export", bundle, "--out", tmp_path / "exported")

    assert (run.returncode, run.stdout) == (1, "")
    assert "another network was trained here after this bundle was written" in run.stderr


def test_without_a_test_part_the_validation_part_is_measured_and_the_report_says_so(drawn: Path, tmp_path: Path):
    """The tutorials' 30 and 5 pictures a class keep nothing for a test."""
    counts = {"data.split": "counts", "data.counts": "[16, 4, 0]", "data.allow_shared_people": "true"}
    run = edge_asl(*build_arguments(drawn, tmp_path, **counts, **{"training.epochs": "1"}), "--json")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["split"], found["pictures"]) == ("validation by counts", 4 * len(SIGNS))
    assert "the figures flatter the model" in (tmp_path / "models" / "tiny" / "report.html").read_text()


def test_a_build_without_validation_is_refused_before_training(drawn: Path, tmp_path: Path):
    run = edge_asl(*build_arguments(drawn, tmp_path, **{"data.validation": "0.0"}))

    assert run.returncode == 1
    assert "the split by signer leaves no pictures for validation; change data.validation" in run.stderr
