"""From models that were trained elsewhere to bundles that the device runs, through the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_models import ForeignModels, foreign_models
from tiny_build import QUIET, SIGNS, device, edge_asl
from tiny_model import TinyModels, tiny_models

from edge_asl.datasets.readers import read_dataset
from edge_asl.pipeline.calibration_set import LIST
from edge_asl.tflite.facts import model_facts
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MODEL, Imported
from edge_asl_device.files import sha256_of

__all__ = ["foreign_models", "tiny_models"]


def imported(model: Path, data: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    where = ["--data", data, "--out", folder / "models" / "mine", "--calibration", folder / "calibration"]
    return edge_asl("import", model, *where, *more)


@pytest.fixture(scope="module")
def exported(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn pictures as Roboflow exports them: train/, valid/ and test/, in each a folder per class."""
    folder = tmp_path_factory.mktemp("exported")
    for number, picture in enumerate(read_dataset(drawn).pictures):
        part = "test" if number % 3 == 0 else "valid" if number % 3 == 1 else "train"
        target = folder / part / picture.label / f"{Path(picture.path).stem}_jpg.rf.{number:032x}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(drawn / picture.path, target)
    return folder


def test_a_teachable_machine_export_becomes_a_bundle(foreign_models: ForeignModels, drawn: Path, tmp_path: Path):
    export, out = foreign_models.folder / "converted_keras.zip", tmp_path / "models" / "mine"

    run = imported(export, drawn, tmp_path, "--json")

    assert run.returncode == 0, run.stderr[-2000:]
    assert "outputs by labels.txt: A B L nothing" in run.stderr
    assert len(run.stdout.splitlines()) == 1
    found = json.loads(run.stdout)
    assert (found["split"], found["pictures"]) == ("all pictures", 96)
    assert found["accuracy_float"] > 0.9
    assert abs(found["lost_points"]) <= 1
    bundle = read_bundle(out)
    assert bundle.labels == SIGNS
    provenance = bundle.manifest.provenance
    assert (provenance.recipe, provenance.data_digest) == ("import", read_dataset(drawn).digest)
    assert provenance.imported == Imported(export.name, sha256_of(export), "Teachable Machine", "tf")
    report = (out / "report.html").read_text()
    assert "This model was trained elsewhere" in report
    assert export.name in report
    kept = tmp_path / "calibration" / "mine"
    assert len((kept / LIST).read_text().splitlines()) == 96

    picture = next((drawn / "B").iterdir())
    read = device("classify", out, picture, "--json")
    assert read.returncode == 0, read.stderr
    assert '"B"' in read.stdout
    measured = edge_asl("evaluate", out, "--data", drawn, "--json")
    assert json.loads(measured.stdout)["accuracy"] == found["accuracy"]

    refused = edge_asl("export", out, "--out", tmp_path / "keras")
    assert refused.returncode == 1
    assert "was imported, so no network was trained here" in refused.stderr

    again = [sys.executable, "-X", "importtime", "-m", "edge_asl", *import_arguments(export, drawn, tmp_path)]
    second = subprocess.run(again, env=os.environ | QUIET, capture_output=True, text=True, timeout=60, check=True)
    assert "quantization: unchanged" in second.stderr
    assert not re.search(r"\| +(tensorflow|keras)$", second.stderr, flags=re.MULTILINE)


def test_a_keras_model_is_measured_as_it_is(foreign_models: ForeignModels, exported: Path):
    model = foreign_models.folder / "plain.keras"

    run = edge_asl("evaluate", model, "--data", exported, "--json")

    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert (found["split"], found["pictures"], found["median_ms"]) == ("all pictures, float", 96, None)
    assert found["accuracy"] > 0.9
    refused = edge_asl("evaluate", model, "--data", exported, "--stress")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "only --data, --layout, --labels, --pixels, --size and --json" in refused.stderr


def test_of_a_keras_model_can_be_said_what_it_wants(foreign_models: ForeignModels, exported: Path, tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copyfile(foreign_models.folder / "plain.keras", folder / "plain.keras")
    (folder / "labels.txt").write_text("L\nB\nA\nnothing\n")

    said = edge_asl("evaluate", folder, "--data", exported, "--labels", "A,B,L,nothing", "--pixels", "unit")

    assert said.returncode == 0, said.stderr[-2000:]
    assert "unit: right on 96 pictures: unit" in said.stderr
    wrong = edge_asl("evaluate", folder, "--data", exported)
    assert "--labels A,B,L,nothing" in wrong.stderr


def test_a_bundle_says_itself_what_it_wants(golden_bundle: Path, exported: Path):
    run = edge_asl("evaluate", golden_bundle, "--data", exported, "--labels", "A,B")

    assert run.returncode == 1
    assert "--only chooses signs" in run.stderr.splitlines()[-1]


def import_arguments(model: Path, data: Path, folder: Path) -> list[str]:
    where = ["--data", data, "--out", folder / "models" / "mine", "--calibration", folder / "calibration"]
    return list(map(str, ["import", model, *where]))


def test_a_keras_model_is_measured_on_the_test_folder(foreign_models: ForeignModels, exported: Path, tmp_path: Path):
    run = imported(foreign_models.folder / "plain.keras", exported, tmp_path)

    assert run.returncode == 0, run.stderr[-2000:]
    assert "outputs by the data's classes in alphabetical order: A B L nothing" in run.stderr
    assert re.search(r"unit: right on 64 pictures: unit \d+\.\d%(, \w+ \d+\.\d%){4}", run.stderr)
    assert "by given: 32 train, 32 validation, 32 test pictures" in run.stderr
    manifest = read_bundle(tmp_path / "models" / "mine").manifest
    assert manifest.provenance.imported is not None
    assert (manifest.provenance.imported.kind, manifest.provenance.imported.pixels) == ("Keras", "unit")
    assert manifest.metrics is not None
    assert (manifest.metrics.split, manifest.metrics.pictures) == ("test by given", 32)
    assert manifest.metrics.accuracy_float is not None
    assert abs(manifest.metrics.accuracy_float - manifest.metrics.accuracy_int8) <= 0.01
    assert manifest.metrics.accuracy_float > 0.9


def test_a_float_tflite_is_refused_in_one_line(tiny_models: TinyModels, drawn: Path, tmp_path: Path):
    run = imported(tiny_models.float32, drawn, tmp_path)

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(
        f"edge-asl: {tiny_models.float32}: a floating-point model, and full int8 needs its network; import the Keras"
    )
    assert not (tmp_path / "models" / "mine").exists()


def test_a_model_that_keeps_the_contract_is_taken_as_it_is(foreign_models: ForeignModels, drawn: Path, tmp_path: Path):
    ready = tmp_path / "ready.tflite"
    shutil.copyfile(foreign_models.folder / "saved.tflite", ready)
    (tmp_path / "labels.txt").write_text("\n".join(SIGNS))

    run = imported(ready, drawn, tmp_path, "--json")

    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["accuracy"] > 0.9
    assert found["accuracy_float"] is None
    manifest = read_bundle(tmp_path / "models" / "mine").manifest
    assert manifest.metrics is not None
    assert (manifest.metrics.accuracy_float, manifest.metrics.accuracy_int8) == (None, found["accuracy"])
    assert manifest.provenance.imported == Imported("ready.tflite", sha256_of(ready), "TensorFlow Lite", "int8")
    assert model_facts(tmp_path / "models" / "mine" / MODEL).parameters == model_facts(ready).parameters


def test_roboflows_parts_are_read_as_data(exported: Path):
    run = edge_asl("data", "check", exported, "--json")

    assert run.returncode == 0, run.stderr
    assert sorted(read_dataset(exported).labels) == sorted(SIGNS)
    assert len(read_dataset(exported).pictures) == 96
