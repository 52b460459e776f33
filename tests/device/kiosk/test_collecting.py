"""``edge-asl-device capture``: what is stored, what the page says, and what a full disk or a power cut leaves."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl_device.contract.pictures import read_picture
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.kiosk.picture_folder import PictureFolder, safe_name
from program import Program, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
NONE = {"stored": 0}


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
        (["--person", " "], "--person: expected a name, found ' '"),
        (["--labels", "A,../B"], "--labels: '../B' cannot be a folder's name; leave it out"),
        (["--labels", ".,B"], "--labels: '.' cannot be a folder's name; leave it out"),
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


def test_pause_take_back_and_begin_again(golden_bundle: Path, tmp_path: Path):
    quick = ["--labels", "A,B", "--count", 12, "--every", "0.1"]
    with Program(*arguments(golden_bundle, tmp_path, *quick)) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: (page.state.get("capture") or NONE)["stored"] >= 7, 20)
        assert page.state["capture"]["following"] == "B"
        assert program.press("pause", paused=True) == 204
        wait_for(lambda: page.state["capture"]["phase"] == "paused")
        stored = page.state["capture"]["stored"]
        assert program.press("drop") == 204
        wait_for(lambda: page.state["capture"]["stored"] == stored - 5)
        assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.jpg"))) == stored - 5
        assert program.press("redo") == 204
        wait_for(lambda: page.state["capture"]["stored"] == 0)
        assert rows(tmp_path) == []
        assert program.press("pause", paused="yes") == 400
        assert program.press("pause", paused=False) == 204
        wait_for(lambda: page.state["capture"]["label"] == "B", 20)
        assert program.press("redo") == 204
        wait_for(lambda: page.state["capture"]["label"] == "A")
        assert program.process.wait(40) == 0
    assert sorted(row["label"] for row in rows(tmp_path)) == ["A"] * 12 + ["B"] * 12
    assert all((tmp_path / row["file"]).is_file() for row in rows(tmp_path))


def test_it_says_what_a_picture_looks_like_instead(golden_bundle: Path, tmp_path: Path):
    """The film shows B, A, L and Y in turn."""
    with Program(*arguments(golden_bundle, tmp_path, "--labels", "Y", "--count", 60)) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: any(state["capture"]["looks_like"] == "B" for state in page.states if state["capture"]), 30)
        program.end()


def test_only_whoever_takes_them_can_read_them(golden_bundle: Path, tmp_path: Path):
    folder = tmp_path / "new"
    with Program(*arguments(golden_bundle, folder, "--labels", "A")) as program:
        assert program.process.wait(30) == 0
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert {mode for path, mode in modes.items() if (folder / path).is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if (folder / path).is_file()} == {0o600}


@pytest.mark.parametrize("link", [".", "signers.csv"])
def test_nothing_is_written_through_a_link(golden_bundle: Path, tmp_path: Path, link: str):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "signers.csv").write_text("file,label,signer,session\n")
    folder = tmp_path / "folder"
    if link == ".":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir()
        (folder / link).symlink_to(elsewhere / link)
    command = [sys.executable, "-m", "edge_asl_device", *map(str, arguments(golden_bundle, folder))]
    run = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert f"{folder}: cannot be written to: it is a link" in run.stderr
    assert list(elsewhere.iterdir()) == [elsewhere / "signers.csv"]


def test_a_sign_folder_that_is_a_link_takes_nothing(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    folder = PictureFolder(tmp_path / "folder", "anna", "one")
    (tmp_path / "folder" / "A").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="it is a link"):
        folder.store("A", b"jpeg")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_taken_back_was_stored_in_this_run(tmp_path: Path):
    before = PictureFolder(tmp_path, "anna", "one")
    for label in ("A", "thank you, please", "A"):
        before.store(label, b"jpeg")
    again = PictureFolder(tmp_path, "anna", "one")
    again.store("A", b"jpeg")
    assert [again.drop("A", 5), again.drop("A", 5)] == [1, 0]
    assert [(row["file"], row["label"]) for row in rows(tmp_path)] == [
        ("A/anna-one-0001.jpg", "A"),
        ("thank you, please/anna-one-0001.jpg", "thank you, please"),
        ("A/anna-one-0002.jpg", "A"),
    ]


HEAD = "file,label,signer,session\n"
OWN, NEXT = "A/anna-one-0001.jpg,A,anna,one", "A/anna-one-0002.jpg,A,anna,one"


@pytest.mark.parametrize(
    ("table", "kept"),
    [
        (HEAD.strip(), HEAD),
        (f"{HEAD}{OWN}", f"{HEAD}{OWN}\n"),
        (f"{HEAD}{OWN}\n{NEXT}\n", f"{HEAD}{OWN}\n"),
        (f"{HEAD}{OWN}\n{NEXT[:-2]}", f"{HEAD}{OWN}\n"),
        (f"{HEAD}{OWN}\n{NEXT[:9]}", f"{HEAD}{OWN}\n"),
        (f"{HEAD}{OWN}\nA\\photo.jpg,A,bo,two\n", f"{HEAD}{OWN}\nA\\photo.jpg,A,bo,two\n"),
    ],
    ids=[
        "no line end after the header",
        "nor after a row",
        "no picture yet",
        "most of a row",
        "some of a row",
        "others",
    ],
)
def test_a_row_is_dropped_only_if_its_picture_never_came(tmp_path: Path, table: str, kept: str):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "anna-one-0001.jpg").write_bytes(b"jpeg")
    (tmp_path / "signers.csv").write_text(table)
    PictureFolder(tmp_path, "anna", "two")

    assert (tmp_path / "signers.csv").read_text() == kept


def test_a_table_that_is_not_utf_8_is_refused_and_stays(tmp_path: Path):
    table = (HEAD + "A/1.jpg,A,Jörg,one\n").encode("latin-1")
    (tmp_path / "signers.csv").write_bytes(table)
    with pytest.raises(EdgeAslError, match=r"signers.csv: expected CSV in UTF-8, found something else .*; save it so"):
        PictureFolder(tmp_path, "anna", "one")
    assert (tmp_path / "signers.csv").read_bytes() == table


def test_a_disk_that_fails_while_pictures_are_taken_back_is_shown(golden_bundle: Path, small_disk: Path):
    quick = ["--labels", "A", "--count", 300, "--every", "0.1"]
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], timeout=30, check=True)
    with Program(*arguments(golden_bundle, small_disk, *quick)) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: (page.state.get("capture") or NONE)["stored"] >= 3, 20)
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], timeout=30, check=True)
        assert program.press("drop") == 204
        wait_for(lambda: page.state["capture"]["phase"] == "disk-full", 15)
        assert program.press("redo") == 204
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], timeout=30, check=True)
        wait_for(lambda: page.state["capture"]["phase"] == "storing", 15)
        wait_for(lambda: list(small_disk.rglob("*.jpg")), 15)
        program.end()
    assert len(rows(small_disk)) == len(list(small_disk.rglob("*.jpg")))


def test_anybody_s_name_is_taken():
    names = ["Åsa Öst", "Asa Ost", "李小龍", "李小龙", "../x", "x" * 50, "O'Neill"]
    made = [safe_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) for name in made), made
    assert made[0].startswith("Asa-Ost-")
    assert safe_name("anna_2") == "anna_2"
    assert safe_name("Åsa Öst") == safe_name("A\u030asa O\u0308st"), "however it was typed"
