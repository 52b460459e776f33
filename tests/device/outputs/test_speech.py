"""The voice: real espeak-ng where it is installed, and programs of that name that do what it should not."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_asl_device.outputs.output import Context, Letter
from edge_asl_device.outputs.speech import Espeak
from edge_asl_device.text.languages import LANGUAGES
from program import wait_for

REAL = shutil.which("espeak-ng")


@pytest.fixture
def results() -> list[str]:
    return []


@pytest.fixture
def named_espeak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script of espeak-ng's name before everything else."""

    def put(script: str) -> None:
        program = tmp_path / "espeak-ng"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return put


@pytest.fixture
def to_file(tmp_path: Path, named_espeak: Callable[[str], None]) -> Path:
    """Real espeak-ng, speaking to a file: there is no loudspeaker here."""
    if REAL is None:
        pytest.skip("espeak-ng is not installed")
    wave = tmp_path / "said.wav"
    named_espeak(f'tee -a {tmp_path}/text | {REAL} -w {wave} "$@"')
    return wave


def test_it_speaks(to_file: Path, results: list[str]):
    with Espeak("", Context(observe=results.append)) as voice:
        assert voice.state == "ready"
        voice.say("  HELLO  WORLD ")
        wait_for(lambda: results == ["spoken"])
        assert voice.state == "ready"
    assert to_file.stat().st_size > 10_000, "half a second of sound"
    assert to_file.with_name("text").read_text() == "hello world"


def test_each_language_is_spoken_with_its_own_voice(tmp_path: Path, named_espeak: Callable[[str], None]):
    """Real espeak-ng itself writes down the sounds that it makes of a text: those of a German are others."""
    if REAL is None:
        pytest.skip("espeak-ng is not installed")
    named_espeak(f'{REAL} -q -x --phonout={tmp_path}/sounds "$@"')
    sounds = {}
    for code, language in LANGUAGES.items():
        results: list[str] = []
        with Espeak("", Context(language, observe=results.append)) as voice:
            voice.word("HALLO")
            wait_for(lambda: results == ["spoken"])  # noqa: B023 - used at once
        sounds[code] = (tmp_path / "sounds").read_text().strip()
    with Espeak("fr", Context(LANGUAGES["de"], observe=results.append)) as voice:
        voice.word("HALLO")
        wait_for(lambda: results == ["spoken"] * 2)
    assert sounds == {"en": "h'aloU", "de": "h'alo:", "es": "'al^o"}
    assert (tmp_path / "sounds").read_text().strip() not in sounds.values(), "as --output voice:fr asks for"


def test_its_buttons(named_espeak: Callable[[str], None], results: list[str]):
    named_espeak("exec cat >/dev/null")
    with Espeak("", Context(muted=True, observe=results.append)) as voice:
        voice.controls["speak"]({}, "HELLO")
        voice.controls["mute"]({"muted": False}, "")
        voice.letter(Letter("A", 0.9, 1.0, "A"))
        voice.text("A WHOLE TEXT")
        assert voice.state == "ready"
        voice.controls["speak"]({}, "HELLO")
        wait_for(lambda: results)
    assert results == ["spoken"], "muted, letters and whole texts are not spoken"
    with pytest.raises(ValueError, match="muted: expected true or false, found 1"):
        voice.controls["mute"]({"muted": 1}, "")


def test_a_text_is_never_an_option(to_file: Path, results: list[str]):
    with Espeak("", Context(observe=results.append)) as voice:
        voice.say("--help")
        wait_for(lambda: results == ["spoken"])
    assert to_file.with_name("text").read_text() == "--help"


def test_absent_is_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Espeak("", Context()) as voice:
        assert voice.state == "absent"
        voice.say("HELLO")
        voice.mute(True)


def test_a_voice_that_fails_or_is_killed(named_espeak: Callable[[str], None], results: list[str]):
    named_espeak("echo 'cannot open audio device' >&2; exit 3")
    with Espeak("", Context(observe=results.append)) as voice:
        voice.say("A")
        wait_for(lambda: results == ["failed"])
        wait_for(lambda: voice.state == "failed", 2)
        voice.mute(True)
        assert voice.state == "muted"


def test_a_voice_that_is_killed_speaks_the_next_word(
    named_espeak: Callable[[str], None], tmp_path: Path, results: list[str]
):
    named_espeak(f"echo $$ > {tmp_path}/pid; read line; case $line in hang) exec sleep 60;; esac")
    with Espeak("", Context(observe=results.append)) as voice:
        voice.say("HANG")
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        assert voice.state == "speaking"
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        wait_for(lambda: results == ["failed"])
        voice.say("GO ON")
        wait_for(lambda: results == ["failed", "spoken"])
        wait_for(lambda: voice.state == "ready", 2)


def test_muting_ends_what_is_being_said(named_espeak: Callable[[str], None], results: list[str]):
    named_espeak("exec sleep 60")
    with Espeak("", Context(observe=results.append)) as voice:
        voice.say("A")
        wait_for(lambda: voice.state == "speaking")
        voice.mute(True)
        wait_for(lambda: results == ["dropped"])
        assert voice.state == "muted"
        voice.say("B")
        time.sleep(0.3)
    assert results == ["dropped"]


def test_words_that_would_come_too_late_are_dropped(named_espeak: Callable[[str], None], results: list[str]):
    named_espeak("exec sleep 60")
    with Espeak("", Context(observe=results.append)) as voice:
        started = time.monotonic()
        for word in "ABCDEFGH":
            voice.say(word)
        assert time.monotonic() - started < 10, "saying waits for no voice, which takes a minute"
        assert results.count("dropped") >= 4


def test_leaving_ends_it_soon(named_espeak: Callable[[str], None]):
    named_espeak("exec sleep 60")
    with Espeak("", Context()) as voice:
        voice.say("A")
        voice.say("B")
        wait_for(lambda: voice.state == "speaking")
        started = time.monotonic()
    assert time.monotonic() - started < 15, "and not after a minute"


def test_leaving_waits_for_no_voice_that_hangs(named_espeak: Callable[[str], None], results: list[str]):
    """What it started lives on and holds its output; and as many words wait as can."""
    named_espeak("sleep 20")
    with Espeak("", Context(observe=results.append)) as voice:
        voice.say("A")
        wait_for(lambda: voice.state == "speaking")
        for word in "BCDE":
            voice.say(word)
        assert "dropped" in results
        started = time.monotonic()
    assert time.monotonic() - started < 15, "and not after 20 s"


def test_what_the_last_visitor_spelled_is_cut_off_and_that_is_no_failure(
    named_espeak: Callable[[str], None], results: list[str], caplog: pytest.LogCaptureFixture
):
    named_espeak("exec sleep 60")
    with Espeak("", Context(observe=results.append)) as voice:
        voice.mute(True)
        voice.mute(False)
        for word in "ABC":
            voice.say(word)
        wait_for(lambda: voice.state == "speaking")
        voice.next_visitor()
        wait_for(lambda: results == ["dropped"])
        wait_for(lambda: voice.state == "ready", 2)
        assert results == ["dropped"], "nothing that waited is begun"
    assert not [record for record in caplog.records if record.message == "voice failed"]
