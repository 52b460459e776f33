"""A build that reads hands, from photographs of three people to a bundle, and its improvement at a site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from tiny_build import device, edge_asl

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.pipeline.context import spread
from edge_asl.pipeline.readings import tell_missed
from edge_asl.progress import Lines
from edge_asl.training.readings import empty_readings
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import LANDMARKS_MODEL, MODEL, PALMS_MODEL, SCALING, HandManifest

DATA = os.environ.get("EDGE_ASL_DATA")
SIGNS = "ABLVY"
WRONG = "wrong.jpg"
PEOPLE = ("gunsai75", "hawkcodesz", "minhquyen")
PICTURES = len(PEOPLE) * len(SIGNS) * 8 + 1


def test_many_pictures_of_a_sign_by_a_person_are_spread_evenly():
    many = [Picture(f"a/A{n}.jpg", "A", "ada", block=n) for n in range(100)]
    few = [Picture(f"b/A{n}.jpg", "A", "bo", block=n) for n in range(3)]
    kept = spread(sorted([*many, *few]), 10)

    assert [p.path for p in kept if p.signer == "bo"] == [p.path for p in few]
    assert sorted(p.block or 0 for p in kept if p.signer == "ada") == list(range(0, 100, 10))


def test_a_folder_that_names_nobody_counts_as_one_person():
    pictures = [Picture(f"{n}.jpg", "A", source="letters") for n in range(8)]

    assert len(spread(pictures, 4)) == 4


def test_signs_whose_hands_were_never_found_are_named(capsys: pytest.CaptureFixture[str]):
    pictures = tuple(Picture(f"{sign}/{n}.jpg", sign) for sign in ("A", "Q", "nothing") for n in range(2))
    dataset = Dataset("kids", "folders", ("A", "Q", "nothing"), pictures, "", lambda _: np.zeros((8, 8, 3), np.uint8))
    readings = empty_readings(len(pictures), 2)
    readings.found[0] = True

    tell_missed(dataset, readings, Lines())

    said = capsys.readouterr().err
    assert "no hand found in 5 of 6 pictures" in said
    assert "warning: no hand found in any picture of Q: the model cannot learn" in said


class Hands(NamedTuple):
    """What a build of photographs left behind."""

    bundle: Path
    arguments: list[str]
    run: subprocess.CompletedProcess[str]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Hands:
    """A bundle of five signs by three people, and hands that somebody else has measured."""
    if DATA is None:
        pytest.skip("needs photographs of hands: set EDGE_ASL_DATA")
    folder = tmp_path_factory.mktemp("hands")
    for person in PEOPLE:
        for sign in SIGNS:
            target = folder / "data" / person / sign
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(DATA, "people", person, sign))
    # One label is wrong: another person's V among one's L.
    own = folder / "data" / PEOPLE[0] / "L"
    own.unlink()
    shutil.copytree(Path(DATA, "people", PEOPLE[0], "L"), own)
    shutil.copy(Path(DATA, "people", "evriel714-1", "V", "00.jpg"), own / WRONG)
    arguments = ["build", "--data", str(folder / "data"), "--recipe", "letters", "--landmarks", f"{DATA}/landmarks"]
    arguments += ["--out", str(folder / "models" / "tiny"), "--calibration", str(folder / "calibration")]
    settings = ("sign.epochs=12", "sign.batch=16", "sign.folds=3")
    arguments += ["--without-pictures", "--json", *(word for setting in settings for word in ("--set", setting))]
    environment = {"XDG_CACHE_HOME": str(folder / "cache")}
    run = edge_asl(*arguments, environment=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    return Hands(folder / "models" / "tiny", arguments, run, environment)


def test_strangers_are_read_and_the_bundle_shows_nobody(hands: Hands):
    found = json.loads(hands.run.stdout)
    bundle = read_bundle(hands.bundle)

    assert found["split"] == "people left out in turn"
    assert (found["pictures"], found["people"]) == (PICTURES, len(PEOPLE))
    assert found["accuracy"] > 0.9
    assert isinstance(bundle.manifest, HandManifest)
    assert {MODEL, PALMS_MODEL, LANDMARKS_MODEL, SCALING, "NOTICE.txt"} <= bundle.manifest.files.keys()
    assert "report.html" not in bundle.manifest.files
    assert (hands.bundle.parent / ".work" / "tiny" / "report.html").is_file()
    assert 0.5 <= bundle.manifest.decoder.accept_probability <= 0.95


def test_a_wrong_label_is_not_trained_on_and_the_report_says_so(hands: Hands):
    report = (hands.bundle.parent / ".work" / "tiny" / "report.html").read_text()

    assert re.search(rf"doubted, not trained on: [1-9]\d? of {PICTURES}", hands.run.stderr), hands.run.stderr
    assert f"{WRONG} (L → V)" in report


def test_a_person_whom_it_has_not_seen_is_read_by_the_device(hands: Hands):
    picture = sorted(Path(DATA or "", "stranger", "L").iterdir())[0]
    run = device("classify", "--json", hands.bundle, picture)

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["predictions"][0]["label"] == "L"


def test_a_second_build_finds_all_done(hands: Hands):
    again = edge_asl(*hands.arguments, environment=hands.environment)

    steps = re.findall(r"^(\w[\w ]+):( unchanged)?$", again.stderr, flags=re.MULTILINE)
    assert {name for name, unchanged in steps if not unchanged} == set(), again.stderr
    assert json.loads(again.stdout) == json.loads(hands.run.stdout)


def test_the_answers_for_people_left_out_are_measured_again_without_training(hands: Hands):
    data = hands.arguments[hands.arguments.index("--data") + 1]
    run = edge_asl("evaluate", hands.bundle, "--data", data, "--leave-one-out", "--only", "A,B", "--json")

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["pictures"] == len(PEOPLE) * 2 * 8
    assert np.mean([person["accuracy"] for person in found["persons"]]) > 0.9


def test_of_one_person_some_pictures_are_left_out_in_turn_and_the_report_says_so(hands: Hands, tmp_path: Path):
    for sign in "AB":
        (tmp_path / "data" / "ada" / sign).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "ada" / sign).symlink_to(Path(DATA or "", "people", PEOPLE[0], sign))
    arguments = ["build", "--data", tmp_path / "data", "--recipe", "letters", "--out", tmp_path / "models" / "alone"]
    arguments += ["--calibration", tmp_path / "calibration", "--set", "sign.epochs=3", "--set", "sign.folds=2"]
    run = edge_asl(*arguments, "--json", environment=hands.environment)

    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout)["split"] == "pictures left out in turn"
    assert "this says nothing of strangers" in run.stderr
    report = (tmp_path / "models" / "alone" / "report.html").read_text()
    assert "This figure does not hold for strangers" in report
    again = edge_asl(
        "evaluate", tmp_path / "models" / "alone", "--data", tmp_path / "data", "--leave-one-out", "--json"
    )
    assert json.loads(again.stdout)["split"] == "data, pictures left out in turn"


def test_people_who_leave_no_hand_to_learn_from_are_refused_in_one_line(hands: Hands, tmp_path: Path):
    """A folder of hands and one of empty rooms: left out in turn, each leaves the other."""
    (tmp_path / "hands").mkdir()
    for sign in "AB":
        (tmp_path / "hands" / sign).symlink_to(Path(str(DATA), "people", PEOPLE[2], sign))
    for number in range(8):
        path = tmp_path / "rooms" / "nothing" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((240, 320, 3), 20 * number, np.uint8))
    arguments = ["build", "--data", tmp_path / "hands", "--data", tmp_path / "rooms", "--recipe", "letters"]
    run = edge_asl(*arguments, "--out", tmp_path / "models" / "two", environment=hands.environment)

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith(
        "left out in turn, hands leave no hand to learn from; add pictures of others, or put all into one folder, of "
        "which some pictures are then left out in turn"
    )


def test_a_site_of_one_sign_without_hands_is_refused_in_one_line(hands: Hands, tmp_path: Path):
    for number in range(4):
        path = tmp_path / "site" / "A" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((240, 320, 3), 40 * number, np.uint8))
    run = edge_asl("build", "--from", hands.bundle, "--data", tmp_path / "site", "--out", tmp_path / "hall")

    assert run.returncode == 1
    assert "no hand found in 4 of 4 pictures" in run.stderr
    assert run.stderr.splitlines()[-1].endswith(
        "expected hands both in pictures to learn from and in those held back, found 0 and 0; take more of each sign "
        "with edge-asl-device capture"
    )


def test_pictures_of_the_site_improve_it_or_it_says_why_not(hands: Hands, tmp_path: Path):
    site = tmp_path / "site"
    for sign in "ABL":
        (site / sign).parent.mkdir(exist_ok=True)
        (site / sign).symlink_to(Path(DATA or "", "people", "meyyappan", sign))
    out = tmp_path / "models" / "hall"
    run = edge_asl("build", "--from", hands.bundle, "--data", site, "--out", out, "--force", timeout_s=400)

    assert run.returncode == 0, run.stderr[-2000:]
    improved = read_bundle(out).manifest.provenance.improved
    assert improved is not None
    assert (improved.name, improved.digest) == ("tiny", read_bundle(hands.bundle).digest)
