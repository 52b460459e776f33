"""What a visitor gets: letters, words, a voice, and a page that is empty for the next one."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import Listener, Program, rehearsal, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
PICTURES = FILM.parent / "pictures"


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A program of espeak-ng's name that writes down what it is to say; the file."""
    voice = tmp_path / "bin" / "espeak-ng"
    voice.parent.mkdir()
    voice.write_text(f'#!/bin/sh\nread -r text; echo "$2 $text" >> {tmp_path}/spoken\n')
    voice.chmod(0o755)
    return tmp_path / "spoken"


@pytest.fixture
def kiosk(golden_bundle: Path, spoken: Path) -> Iterator[tuple[Program, Listener]]:
    path = os.pathsep.join([str(spoken.parent / "bin"), os.environ["PATH"]])
    arguments = ("run", golden_bundle, "--source", FILM, "--loop", "--clear-after", "2")
    with Program(*arguments, environment={"PATH": path}) as program:
        yield program, program.wait_until_ready().listen()


def test_a_visit(kiosk: tuple[Program, Listener], spoken: Path):
    """Letters come one by one, the word is said, suggestions are offered, and then the page is empty again."""
    program, page = kiosk
    wait_for(lambda: page.states and page.state["text"].startswith("BALLY "), 25)
    texts = list(dict.fromkeys(state["text"] for state in page.states))
    assert texts == ["", "B", "BA", "BAL", "BALL", "BALLY", "BALLY "]
    accepted = {state["accepted"]["number"]: state["accepted"]["label"] for state in page.states if state["accepted"]}
    assert accepted == dict(enumerate("BALLY", start=1))
    held = [state["letter"]["held"] for state in page.states if state["letter"] and state["letter"]["label"] == "Y"]
    assert held[0] < 0.2
    assert held[-1] == 1.0
    assert all(0 <= state["letter"]["probability"] <= 1 for state in page.states if state["letter"])
    offered = [state["suggestions"] for state in page.states if state["word"] == "BAL"]
    assert any("BALANCE" in words for words in offered), offered[-1]
    wait_for(lambda: spoken.exists() and spoken.read_text() == "en-us bally\n")
    assert "BALLY" not in "".join(program.raw), "what is spelled is not logged"

    wait_for(lambda: page.state["text"] == "", 10, "empty for the next visitor")
    assert program.press("undo") == 204
    seen = len(page.states)
    wait_for(lambda: len(page.states) > seen + 10)
    assert all(len(state["text"]) <= 2 for state in page.states[seen:]), "nobody brings back what another spelled"


def test_what_was_practised_is_not_said_when_its_visitor_leaves(kiosk: tuple[Program, Listener], spoken: Path):
    program, page = kiosk
    assert program.press("practice", do="start", word="YL") == 204  # the film spells BALLY, and then nobody is there
    wait_for(lambda: page.state.get("practice") and page.state["practice"]["at"] == 1, 20)
    wait_for(lambda: not page.state["practice"], 10)
    time.sleep(0.5)
    assert not spoken.exists()


def test_a_visit_in_german(golden_bundle: Path, spoken: Path):
    """Voice and suggestions are German."""
    path = os.pathsep.join([str(spoken.parent / "bin"), os.environ["PATH"]])
    arguments = ("run", golden_bundle, "--source", FILM, "--loop", "--language", "de")
    with Program(*arguments, environment={"PATH": path}) as program:
        page = program.wait_until_ready().listen()
        # On a busy computer a letter may be lost in one round of the film, and not in the next.
        wait_for(lambda: "BALLY " in page.state.get("text", ""), 60)
        wait_for(lambda: spoken.exists() and "de bally\n" in spoken.read_text())
        assert page.hello["language"] == "de"
        offered = [word for state in page.states if state["word"] == "BAL" for word in state["suggestions"]]
        assert "BALD" in offered
        assert "BALANCE" not in offered[:3]


def test_more_time_outlasts_the_text_but_not_the_visit(golden_bundle: Path):
    """Whoever trembles clears the text between two words, and still needs it."""
    arguments = ("run", golden_bundle, "--source", FILM, "--loop", "--mute", "--clear-after", "2")
    with Program(*arguments) as program:
        page = program.wait_until_ready().listen()
        assert program.press("pace", slow=True) == 204
        wait_for(lambda: page.state.get("text") and page.state["slow"], 20)
        assert program.press("clear") == 204
        wait_for(lambda: page.state["text"] == "")
        assert page.state["slow"]
        wait_for(lambda: not page.state["slow"], 25)


def test_a_visitor_chooses_a_language_and_the_next_one_gets_the_kiosk_s(golden_bundle: Path, spoken: Path):
    """Voice and suggestions follow at once."""
    path = os.pathsep.join([str(spoken.parent / "bin"), os.environ["PATH"]])
    arguments = ("run", golden_bundle, "--source", FILM, "--loop", "--clear-after", "2")
    with Program(*arguments, environment={"PATH": path}) as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("text") == "B", 15)
        assert page.state["language"] == "en"
        assert program.press("language", language="es") == 204
        assert program.press("language", language="tlh") == 400
        wait_for(lambda: page.state["text"].startswith("BALLY "), 25)
        wait_for(lambda: spoken.exists() and spoken.read_text() == "es bally\n")
        offered = [word for state in page.states if state["word"] == "BAL" for word in state["suggestions"]]
        assert "BALON" in offered
        wait_for(lambda: page.state["text"] == "" and page.state["language"] == "en", 15)


def test_the_next_visitor_finds_nothing_although_the_camera_is_gone(golden_bundle: Path, tmp_path: Path):
    """Neither text nor letter nor picture."""
    with rehearsal(tmp_path / "camera", FILM) as tell:
        source = f"rehearsal:{tmp_path / 'camera'}"
        with Program("run", golden_bundle, "--source", source, "--mute", "--clear-after", "1") as program:
            page = program.wait_until_ready().listen()
            looking = Listener(program.port, "/camera.mjpeg")
            wait_for(lambda: page.state.get("text", "").startswith("BA"), 15)
            tell("lost")
            tell("missing")
            wait_for(lambda: page.state["camera"]["state"] in ("lost", "missing"))
            wait_for(lambda: page.state["text"] == "" and page.state["accepted"] is None, 10)
            looking.close()
            with socket.create_connection(("127.0.0.1", program.port), 5) as next_one:
                next_one.sendall(b"GET /camera.mjpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                next_one.settimeout(1)
                received = b""
                with contextlib.suppress(TimeoutError):
                    while True:
                        received += next_one.recv(65536)
            assert b"multipart" in received
            assert b"image/jpeg" not in received


def test_scenes(kiosk: tuple[Program, Listener]):
    _, page = kiosk
    wait_for(lambda: any(state["letter"] for state in page.states), 15)
    scenes = list(dict.fromkeys(state["scene"] for state in page.states if state["scene"]))
    assert scenes[:2] == ["no-hand", "hand"]


def test_too_dark(golden_bundle: Path, tmp_path: Path):
    import cv2

    for picture in PICTURES.glob("*.jpg"):
        cv2.imwrite(str(tmp_path / picture.name), cv2.imread(str(picture)) // 8)
    with Program("run", golden_bundle, "--source", tmp_path, "--loop", "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("scene") == "too-dark")
        assert page.state["camera"]["state"] == "live"


def test_a_film_that_ends_is_a_state(golden_bundle: Path):
    with Program("run", golden_bundle, "--source", PICTURES / ".." / "BALLY.mp4", "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("camera", {}).get("state") == "ended", 25)
        assert page.state["text"].strip() == "BALLY"
        assert program.health()["ready"] is True


def test_at_most_so_many_frames(golden_bundle: Path):
    with Program("run", golden_bundle, "--source", FILM, "--loop", "--mute", "--max-fps", "5") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.states and page.state["fps"] > 0)
        wait_for(lambda: program.health()["frames_10s"] >= 15, 15)
        assert page.state["fps"] <= 6


def test_a_folder_of_pictures_as_camera(golden_bundle: Path):
    with Program("run", golden_bundle, "--source", PICTURES, "--mute") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.state.get("text", "").startswith("ABLY"), 20)
