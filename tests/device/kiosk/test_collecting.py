"""``edge-asl-device capture``: what is stored, what the page says, and what a full disk or a power cut leaves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl_device.contract.pictures import read_picture
from program import Program, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"


def arguments(bundle: Path, folder: Path, *more: object) -> list[object]:
    quick = ["--count", 4, "--every", "0.05", "--ready", "0.3"]
    return ["capture", bundle, folder, "--source", FILM, "--loop", "--person", "anna", *quick, *more]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "signers.csv").open() as file:
        return list(csv.DictReader(file))


def test_pictures_of_each_sign_with_person_and_session(golden_bundle: Path, tmp_path: Path):
    folder = tmp_path / "captured"
    with Program(*arguments(golden_bundle, folder, "--labels", "B,A", "--session", "monday")) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.states and page.states[-1]["capture"])
        assert program.process.wait(30) == 0
        assert program.process.stdout is not None
        said = json.loads(program.process.stdout.read())
    assert said == {"folder": str(folder), "stored": 8, "wanted": 8}
    assert page.hello["mode"] == "capture"
    found = rows(folder)
    assert [(row["label"], row["signer"], row["session"]) for row in found] == [
        (label, "anna", "monday") for label in "BBBBAAAA"
    ]
    for row in found:
        assert row["file"].startswith(f"{row['label']}/anna-monday-")
        assert read_picture(folder / row["file"]).shape == (240, 240, 3), "the square that the model sees"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.jpg")} == {row["file"] for row in found}
    phases = [state["capture"]["phase"] for state in page.states if state["capture"]]
    assert list(dict.fromkeys(phases)) == ["get-ready", "storing", "done"]
    places = [(state["capture"]["label"], state["capture"]["sign"]) for state in page.states if state["capture"]]
    assert set(places) == {("B", 1), ("A", 2)}
    assert {state["capture"]["label"] for state in page.states if state["capture"]} == {"A", "B"}
    assert all(state["text"] == "" for state in page.states)


def test_another_session_is_added(golden_bundle: Path, tmp_path: Path):
    for session in ("one", "two"):
        with Program(*arguments(golden_bundle, tmp_path, "--labels", "A", "--session", session)) as program:
            assert program.process.wait(30) == 0
    assert [row["session"] for row in rows(tmp_path)] == ["one"] * 4 + ["two"] * 4


def test_the_same_session_again_overwrites_nothing(golden_bundle: Path, tmp_path: Path):
    for _ in range(2):
        with Program(*arguments(golden_bundle, tmp_path, "--labels", "A", "--session", "one")) as program:
            assert program.process.wait(30) == 0
    files = [row["file"] for row in rows(tmp_path)]
    assert len(set(files)) == len(files) == 8


def test_a_film_that_ends_too_early(golden_bundle: Path, tmp_path: Path):
    plain = [argument for argument in arguments(golden_bundle, tmp_path, "--every", "0.9") if argument != "--loop"]
    with Program(*plain) as program:
        assert program.process.wait(40) == 1
    assert 0 < len(rows(tmp_path)) < 20


def test_stopped_half_way_says_so(golden_bundle: Path, tmp_path: Path):
    with Program(*arguments(golden_bundle, tmp_path, "--labels", "A", "--every", "30")) as program:
        program.wait_until_ready()
        wait_for(lambda: list(tmp_path.rglob("*.jpg")), 15)
        program.end()
        assert program.process.returncode == 1
    assert len(rows(tmp_path)) == 1


def test_a_line_that_a_power_cut_left_unfinished_is_dropped(golden_bundle: Path, tmp_path: Path):
    (tmp_path / "signers.csv").write_text("file,label,signer,session\nA/old.jpg,A,ben,one\nA/hal")
    with Program(*arguments(golden_bundle, tmp_path, "--labels", "A")) as program:
        assert program.process.wait(30) == 0
    assert [row["signer"] for row in rows(tmp_path)] == ["ben"] + ["anna"] * 4


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="edge-asl-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "edge-asl-test", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("may not mount here")
    yield folder
    subprocess.run(["umount", str(folder)], timeout=30, check=True)
    folder.rmdir()


def test_a_full_disk_is_shown_and_gone_on_from(golden_bundle: Path, small_disk: Path):
    with Program(*arguments(golden_bundle, small_disk, "--labels", "A", "--count", 40)) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: list(small_disk.rglob("*.jpg")), 15)
        wait_for(lambda: page.state["capture"]["phase"] == "disk-full", 15)
        assert program.logged("picture not stored")
        whole = [read_picture(path) for path in small_disk.rglob("*.jpg")]
        assert len(whole) == len(rows(small_disk)), "nothing is half-written"
        subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], timeout=30, check=True)
        assert program.process.wait(20) == 0
    assert len(rows(small_disk)) == 40


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--person", "an na"], "--person: expected letters, digits, - and _, found 'an na'"),
        (["--person", "../x"], "--person: expected letters, digits, - and _, found '../x'"),
        (["--labels", "A,../B"], "--labels: expected letters, digits, - and _, found '../B'"),
        (["--labels", ","], "--labels: no sign given; separate signs by commas"),
    ],
)
def test_names_that_cannot_be_files(golden_bundle: Path, tmp_path: Path, more: list[str], words: str):
    command = [sys.executable, "-m", "edge_asl_device", *map(str, arguments(golden_bundle, tmp_path / "x", *more))]
    run = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert [line for line in run.stderr.splitlines() if words in line], run.stderr
    assert not (tmp_path / "x").exists()


def test_a_folder_with_another_table(golden_bundle: Path, tmp_path: Path):
    (tmp_path / "signers.csv").write_text("a,b\n")
    command = [sys.executable, "-m", "edge_asl_device", *map(str, arguments(golden_bundle, tmp_path))]
    run = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert "expected the header file,label,signer,session, found 'a,b'; choose another folder" in run.stderr


def test_buttons_do_nothing_while_pictures_are_stored(golden_bundle: Path, tmp_path: Path):
    with Program(*arguments(golden_bundle, tmp_path, "--labels", "A", "--every", "30")) as program:
        program.wait_until_ready()
        status, text, _ = program.ask("/api/clear", "POST", {})
        assert (status, b"'clear' is not available while capturing" in text) == (400, True)
