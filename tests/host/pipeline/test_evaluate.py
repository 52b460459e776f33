"""``edge-asl evaluate`` on several folders, on some signs, on spoilt pictures, and on people left out in turn."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tiny_build import SIGNS, build_arguments, edge_asl

from edge_asl.datasets.synthetic.pictures import write_pictures
from edge_asl.evaluation.stress import CORRUPTIONS
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import Metrics


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of drawn hands, two people in each, who have the same names in both."""
    folder = tmp_path_factory.mktemp("folders")
    return [write_pictures(folder / name, SIGNS, 6, size=64, seed=seed, people=2) for seed, name in enumerate("pq")]


def test_several_folders_some_signs_and_the_stress_set(
    golden_bundle: Path, folders: list[Path], tmp_path: Path
) -> None:
    data = [word for folder in folders for word in ("--data", folder)]
    report = tmp_path / "report.html"
    run = edge_asl(
        "evaluate", golden_bundle, *data, "--only", "A-C", "--stress", "--report", report, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["split"] == "p, q, all pictures, only A B"
    assert found["pictures"] == 2 * 2 * 6
    assert len(found["labels"]) > 2, "the model answers with all it knows"
    assert found["people"] == len(found["persons"]) == 2
    assert found["mean_person"] == pytest.approx(sum(person["accuracy"] for person in found["persons"]) / 2)
    stress = found["stress"]
    assert [corruption["name"] for corruption in stress["corruptions"]] == [one.name for one in CORRUPTIONS]
    assert stress["plain"] == pytest.approx(found["accuracy"])
    assert stress["worst"] <= stress["mean"] <= 1
    assert found["found"] is None, "this bundle looks at the middle of the picture, not for hands"
    assert "How much does it bear?" in report.read_text()
    again = json.loads(edge_asl("evaluate", golden_bundle, *data, "--only", "A-C", "--stress", "--json").stdout)
    assert again["stress"] == stress, "the same pictures, spoilt in the same way"


def test_signs_that_nobody_shows_and_people_nobody_left_out(golden_bundle: Path, folders: list[Path]) -> None:
    run = edge_asl("evaluate", golden_bundle, "--data", folders[0], "--only", "A,V")
    assert (run.returncode, run.stderr) == (1, "edge-asl: --only: found no picture of V, only of A, B, L, nothing\n")
    run = edge_asl("evaluate", golden_bundle, "--data", folders[0], "--leave-one-out")
    assert run.returncode == 1
    assert "nobody was left out when this bundle was built; build it with --leave-one-out" in run.stderr


def test_people_named_by_a_pattern_are_named_by_it_again(tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "hands", SIGNS, 6, size=48, seed=6, people=3)
    with (data / "signers.csv").open() as table:
        for row in csv.DictReader(table):
            path = data / row["file"]
            path.rename(path.with_name(f"{row['signer']}-{path.name}"))
    (data / "signers.csv").unlink()
    pattern = r"/([^/-]+)-[^/]*$"
    settings = {"training.epochs": "1", "data.signer_pattern": pattern, "data.split": "signer"}
    run = edge_asl(*build_arguments(data, tmp_path, **settings))
    assert run.returncode == 0, run.stderr[-3000:]
    bundle = tmp_path / "models" / "tiny"
    measured = ["evaluate", bundle, "--data", data, "--split", "test"]

    found = edge_asl(*measured, "--signer-pattern", pattern, "--json")
    assert json.loads(found.stdout)["split"] == "hands, test by signer"
    other = edge_asl(*measured)
    assert other.returncode == 1
    assert (
        f"expected the pictures that {bundle} was built from, found others; name that build's folders" in other.stderr
    )


def test_each_person_left_out_of_whole_trainings(tmp_path: Path) -> None:
    """Three people, two pictures of each sign: each is read by a model that was trained on the two others."""
    data = write_pictures(tmp_path / "hands", SIGNS, 6, size=48, seed=5, people=3)
    arguments = [*build_arguments(data, tmp_path, **{"training.epochs": "1"}), "--leave-one-out"]
    run = edge_asl(*arguments, "--json", timeout_s=900)
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout)
    assert found["split"] == "people left out in turn"
    assert found["pictures"] == 6 * len(SIGNS)
    assert len(found["persons"]) == 3
    assert found["accuracy_float"] is not None
    bundle = read_bundle(tmp_path / "models" / "tiny")
    assert isinstance(bundle.manifest.metrics, Metrics)
    assert bundle.manifest.metrics.people == 3
    assert "1 of 3 left out; the others take about" in run.stderr
    report = (tmp_path / "models" / "tiny" / "report.html").read_text()
    assert "3 people it had never seen: on average" in report
    assert "does not hold for strangers" not in report
    again = edge_asl("evaluate", bundle.folder, "--data", data, "--leave-one-out", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["confusion"] == found["confusion"]
    some = json.loads(
        edge_asl("evaluate", bundle.folder, "--data", data, "--leave-one-out", "--only", "A", "--json").stdout
    )
    assert (some["pictures"], some["split"]) == (6, "hands, people left out in turn, only A")
    second = edge_asl(*arguments, "--json", timeout_s=900)
    assert second.stdout == run.stdout
    assert "left out; the others" not in second.stderr, "nothing is trained twice"
