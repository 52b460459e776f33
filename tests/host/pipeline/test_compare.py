"""``edge-asl compare``: real bundles of both formats, the same pictures for all, none that one has learned from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from html_page import Page
from tiny_build import SIGNS, Built, edge_asl

from edge_asl.datasets.labels import Choice, choose_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.split_files import read_split, write_split
from edge_asl.datasets.splits import make_split, pictures_of
from edge_asl.datasets.synthetic.pictures import write_pictures
from edge_asl.datasets.types import Dataset
from edge_asl.errors import DataError
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.bundle import keep_split
from edge_asl.pipeline.chosen_pictures import choose_part, learned_from
from edge_asl.pipeline.common_pictures import common_pictures, of_labels
from edge_asl.pipeline.compare import compare_bundles
from edge_asl.pipeline.evaluate import evaluate_bundle
from edge_asl.progress import Quiet
from edge_asl.tflite.inspect import inspect_path, models_of
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import MANIFEST, Imported, Origin
from edge_asl_device.errors import BundleError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of drawn hands that both know of five signs, of four people each."""
    folder = tmp_path_factory.mktemp("folders")
    signs = ("A", "B", "L", "Y")
    return [write_pictures(folder / name, signs, 8, size=48, seed=seed, people=4) for seed, name in enumerate("pq")]


def as_built(golden: Path, folder: Path, data: list[Path], *, seed: int = 0, by: str = "signer") -> Bundle:
    """The golden bundle, as if it had been built from ``data``: with the working folder that such a build leaves."""
    shutil.copytree(golden, folder)
    bundle, work = read_bundle(folder), folder.parent / ".work" / folder.name
    dataset = read_dataset(data, labels=Choice(frozenset(), frozenset(bundle.labels)))
    keep_split(work, make_split(dataset, by=by, seed=seed, validation=0.25, test=0.5), dataset)
    provenance = msgspec.structs.replace(bundle.manifest.provenance, data_digest=dataset.digest)
    manifest = msgspec.structs.replace(bundle.manifest, provenance=provenance)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return read_bundle(folder)


def held_back(bundle: Bundle, dataset: Dataset) -> set[str]:
    """The paths of the test part of its split."""
    work = bundle.folder.parent / ".work" / bundle.folder.name
    return set(read_split(work / "split.json", of_labels(dataset, bundle.labels)).parts["test"])


def test_three_bundles_of_both_formats(built: Built, golden_bundle: Path, hand_bundle: Path, tmp_path: Path) -> None:
    report = tmp_path / "new" / "page.html"
    run = edge_asl(
        "compare", built.bundle, golden_bundle, hand_bundle, "--data", built.data, "--only", "A-B",
        "--report", report, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    dataset = read_dataset(built.data)
    part = pictures_of(dataset, read_split(built.work / "split.json", dataset), "test")
    test = [picture for picture in part if picture.label in "AB"]
    asked = [picture for picture in dataset.pictures if picture.label in "AB"]
    assert found["pictures"] == len(test) > 0
    assert found["split"] == "test by signer, only A B"
    assert found["learned"] == {"tiny": len(asked) - len(test)}
    assert [warning.partition(":")[0] for warning in found["warnings"]] == ["bundle-v1", "bundle-v2"]
    assert [one["name"] for one in found["bundles"]] == ["tiny", "bundle-v1", "bundle-v2"]
    assert [one["reads"] for one in found["bundles"]] == ["square", "square", "hand"]

    right = []
    for folder, one in zip((built.bundle, golden_bundle, hand_bundle), found["bundles"], strict=True):
        alone = predict(folder, dataset, test, Quiet())
        right.append(alone.right)
        assert one["evaluation"]["pictures"] == len(test)
        assert one["evaluation"]["accuracy"] == pytest.approx(right[-1].mean()), "read together as alone"
        models = models_of(inspect_path(folder))
        assert one["size"] == sum(Path(model.path).stat().st_size for model in models)
        assert one["multiply_accumulates"] == sum(model.multiply_accumulates for model in models) > 0
        assert one["evaluation"]["median_ms"] > 0
        assert one["evaluation"]["shipped"]["threshold"] > 0
        assert one["evaluation"]["persons"]
    assert found["bundles"][0]["against_first"] is None
    for own, one in zip(right[1:], found["bundles"][1:], strict=True):
        assert one["against_first"]["only_first"] == int((right[0] & ~own).sum())
        assert one["against_first"]["only_this"] == int((own & ~right[0]).sum())
    assert any(one["best_for_size"] for one in found["bundles"])
    assert any(one["best_for_time"] for one in found["bundles"])
    assert len(Page(report.read_text()).all("svg")) == 2


def test_the_table_and_a_copy_that_differs_in_nothing(built: Built, tmp_path: Path) -> None:
    copy = shutil.copytree(built.bundle, tmp_path / "tiny")
    shutil.copytree(built.work, tmp_path / ".work" / "tiny")
    run = edge_asl("compare", built.bundle, copy, "--data", built.data, "--split", "validation", "--only", "A,B")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith("hands, validation by signer, only A B: ")
    assert f"{copy} and {built.bundle} are right on the same pictures." in lines
    assert "the validation part was used in training" in run.stdout
    (p_value,) = (line.split()[-1] for line in lines if line.startswith("p-value"))
    assert p_value == "1"


@pytest.mark.parametrize("case", ["twice", "broken", "no picture", "other signs"])
def test_one_clear_line(case: str, built: Built, golden_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    broken = Path(shutil.copytree(golden_bundle, tmp_path / "broken"))
    (broken / "model.tflite").write_bytes(b"cut")
    write_pictures(tmp_path / "others", ("V", "W"), 2, size=32, people=1)
    bundles, data, told = {
        "twice": ([golden_bundle, golden_bundle / ".." / golden_bundle.name], built.data, "found this one twice"),
        "broken": ([golden_bundle, broken], built.data, "copy or build the bundle again"),
        "no picture": ([golden_bundle, built.bundle], tmp_path / "data", "found an empty folder"),
        "other signs": ([golden_bundle, built.bundle], tmp_path / "others", "all these bundles know, found only V, W"),
    }[case]
    with pytest.raises((DataError, BundleError)) as error:
        compare_bundles(bundles, [data], "auto", "auto", None, Quiet())
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bundle_alone_is_refused_on_the_command_line(golden_bundle: Path, built: Built) -> None:
    run = edge_asl("compare", golden_bundle, "--data", built.data)
    assert (run.returncode, run.stdout) == (1, "")
    told = "edge-asl: expected two bundles or more to compare, found one; edge-asl evaluate measures one\n"
    assert run.stderr == told


def test_only_what_none_has_learned_from(golden_bundle: Path, folders: list[Path], tmp_path: Path) -> None:
    """Two bundles, built from the same pictures by different splits."""
    dataset = read_dataset(folders[0])
    bundles = {str(seed): as_built(golden_bundle, tmp_path / f"b{seed}", folders[:1], seed=seed) for seed in range(4)}
    parts = {name: held_back(bundle, dataset) for name, bundle in bundles.items()}
    both = {pair: parts["0"] & parts[pair] for pair in "123"}
    overlapping = next(pair for pair, shared in both.items() if 0 < len(shared) < len(parts["0"]))

    found = common_pictures({name: bundles[name] for name in ("0", overlapping)}, dataset, "auto", None)
    assert {picture.path for picture in found.pictures} == both[overlapping]
    assert found.split == "test by signer"
    assert found.learned == {name: 32 - len(parts[name]) for name in ("0", overlapping)}
    assert found.warnings == ()
    everything = common_pictures({name: bundles[name] for name in ("0", overlapping)}, dataset, "all", None)
    assert len(everything.pictures) == 32
    assert len(everything.warnings) == 2


def test_none_left_is_refused(golden_bundle: Path, folders: list[Path], tmp_path: Path) -> None:
    """One is tested on whom the other one trains with."""
    dataset = read_dataset(folders[0])
    one, other = (as_built(golden_bundle, tmp_path / name, folders[:1]) for name in ("one", "other"))
    path = tmp_path / ".work" / "other" / "split.json"
    split = read_split(path, dataset)
    swapped = {**split.parts, "train": split.parts["test"], "test": split.parts["train"]}
    write_split(path, split._replace(parts=swapped))
    with pytest.raises(DataError, match=r"none of the 32 pictures is left that no bundle has learned from \(one was"):
        common_pictures({"one": one, "other": other}, dataset, "auto", None)
    with pytest.raises(DataError, match="--split test: the bundles have no picture of that part in common"):
        common_pictures({"one": one, "other": other}, dataset, "test", None)


def test_a_bundle_that_everybody_was_left_out_of_in_turn(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    """It was trained on all of them; evaluate says so as well."""
    bundle = as_built(golden_bundle, tmp_path / "all", folders[:1], by="left-out")
    with pytest.raises(DataError, match=r"no bundle has learned from \(all was built with 32\)"):
        common_pictures({"all": bundle, "golden": read_bundle(golden_bundle)}, read_dataset(folders[0]), "auto", None)
    with pytest.raises(DataError, match="no picture is test by left-out; --leave-one-out measures people whom"):
        evaluate_bundle(bundle.folder, folders[:1], "auto", "auto", None, Quiet())


def test_one_folder_of_several_is_known_by_its_content(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    """Built from p and q, compared on p, and on a copy of p elsewhere: the digest differs, the pictures do not."""
    bundle = as_built(golden_bundle, tmp_path / "both", folders)
    whole = read_dataset(folders)
    other = read_bundle(golden_bundle)
    tests = {path.removeprefix("p/") for path in held_back(bundle, whole) if path.startswith("p/")}
    assert 0 < len(tests) < 32
    for folder in (folders[0], Path(shutil.copytree(folders[0], tmp_path / "elsewhere" / "p"))):
        found = common_pictures({"both": bundle, "golden": other}, read_dataset(folder), "auto", None)
        assert {picture.path for picture in found.pictures} == tests
        assert found.split == "pictures that none is known to have learned from"
        assert found.learned == {"both": 32 - len(tests)}
        assert [warning.partition(":")[0] for warning in found.warnings] == ["golden"], "nobody knows of that one"


def test_a_working_folder_of_another_build_is_not_believed(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    bundle = as_built(golden_bundle, tmp_path / "one", folders[:1])
    shipped = read_bundle(golden_bundle)._replace(folder=bundle.folder)
    found = common_pictures({"shipped": shipped, "again": shipped}, read_dataset(folders[0]), "auto", None)
    assert len(found.pictures) == 32
    assert all("nobody can tell" in warning for warning in found.warnings)


def test_of_an_imported_bundle_nobody_knows_what_it_learned_from(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    built, made = (as_built(golden_bundle, tmp_path / name, folders[:1]) for name in ("built", "made"))
    origin = Imported("model.keras", "0" * 64, "Keras", "unit")
    provenance = msgspec.structs.replace(made.manifest.provenance, imported=origin)
    imported = made._replace(manifest=msgspec.structs.replace(made.manifest, provenance=provenance))
    for data in folders:  # what it was calibrated with, and others
        found = common_pictures({"built": built, "imported": imported}, read_dataset(data), "auto", None)
        assert [warning.partition(",")[0] for warning in found.warnings] == ["imported: it was trained elsewhere"]
    mixed = common_pictures({"built": built, "imported": imported}, read_dataset(folders), "auto", None)
    assert mixed.split == "pictures that none is known to have learned from"
    assert evaluate_warning(imported, folders[1]) is not None
    assert evaluate_warning(built, folders[1]) is None


def test_of_an_improved_bundle_nobody_knows_what_it_learned_before(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    built, made = (as_built(golden_bundle, tmp_path / name, folders[:1]) for name in ("built", "made"))
    provenance = msgspec.structs.replace(made.manifest.provenance, improved=Origin("letters", "2.1", "0" * 64))
    improved = made._replace(manifest=msgspec.structs.replace(made.manifest, provenance=provenance))
    found = common_pictures({"built": built, "improved": improved}, read_dataset(folders[1]), "auto", None)
    assert [warning.partition(",")[0] for warning in found.warnings] == ["improved: it was made from letters 2.1"]
    assert "made from letters 2.1" in (evaluate_warning(improved, folders[1]) or "")
    assert evaluate_warning(improved, folders[0]) is None, "its own test part"


def test_rows_of_a_table_are_known_again(golden_bundle: Path, tmp_path: Path) -> None:
    """A build of a table of pixels, compared on a copy of half of it."""
    rng = np.random.default_rng(1)
    rows = [",".join(map(str, [label, *rng.integers(0, 256, 784)])) for label in (0, 1, 11) * 8]
    header = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))])
    for name, some in (("whole", rows), ("half", rows[:12])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.csv").write_text("\n".join([header, *some]) + "\n")
    bundle = as_built(golden_bundle, tmp_path / "built", [tmp_path / "whole"], by="fraction")
    half = read_dataset(tmp_path / "half", labels=Choice(frozenset(), frozenset(bundle.labels)))
    assert 0 < len(learned_from(bundle, half)) <= 12


def evaluate_warning(bundle: Bundle, data: Path) -> str | None:
    return choose_part(bundle, read_dataset(data), "auto").warning


def test_signs_that_not_all_know_are_left_out(golden_bundle: Path, folders: list[Path], tmp_path: Path) -> None:
    dataset = read_dataset(folders[0])
    golden = read_bundle(golden_bundle)
    fewer = golden._replace(manifest=msgspec.structs.replace(golden.manifest, labels=["A", "B"]))
    bundles = {"golden": golden, "fewer": fewer}
    found = common_pictures(bundles, dataset, "auto", None)
    assert {picture.label for picture in found.pictures} == {"A", "B"}
    assert (found.left_out, found.unknown) == ({"L": 8, "Y": 8}, {"fewer": ("L", "Y")})
    some = common_pictures(bundles, dataset, "auto", choose_labels(["A-I"]))
    assert (some.left_out, some.unknown, some.split) == ({}, {}, "all pictures, only A B")
    with pytest.raises(DataError, match="--only: not every bundle knows Y: fewer does not; leave it out"):
        common_pictures(bundles, dataset, "auto", choose_labels(["A", "Y"]))


def test_a_part_of_other_data_is_refused(golden_bundle: Path, folders: list[Path]) -> None:
    bundle = read_bundle(golden_bundle)
    with pytest.raises(DataError, match="--split test: expected the pictures that one of these bundles was built from"):
        common_pictures({"one": bundle, "other": bundle}, read_dataset(folders[0]), "test", None)


def test_fewer_labels_have_the_digest_of_a_build_with_these(folders: list[Path]) -> None:
    chosen = Choice(frozenset(), frozenset("AB"))
    assert of_labels(read_dataset(folders), "AB").digest == read_dataset(folders, labels=chosen).digest


def test_no_picture_counts_for_one_bundle_alone(golden_bundle: Path, hand_bundle: Path, tmp_path: Path) -> None:
    drawn = write_pictures(tmp_path / "few", SIGNS, 3, size=48, people=2)
    result = compare_bundles([golden_bundle, hand_bundle], [drawn], "auto", "auto", None, Quiet())
    one, other = (contestant.evaluation for contestant in result.bundles)
    assert result.labels == SIGNS
    assert [c.support for c in one.classes] == [c.support for c in other.classes]
    assert [p.pictures for p in sorted(one.persons, key=lambda p: p.person)] == [
        p.pictures for p in sorted(other.persons, key=lambda p: p.person)
    ]
    assert np.array(one.confusion).sum() == np.array(other.confusion).sum() == result.pictures
