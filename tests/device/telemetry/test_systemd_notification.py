"""What systemd and the journal are told."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl_device.telemetry.logs import LineFormatter
from edge_asl_device.telemetry.systemd import Watchdog, notify
from program import Program, rehearsal, wait_for

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of NOTIFY_SOCKET."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listening


def heard(systemd: socket.socket, seconds: float) -> list[str]:
    """Everything within some time."""
    said, deadline = [], time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        systemd.settimeout(left)
        try:
            said.append(systemd.recv(4096).decode())
        except TimeoutError:
            break
    return said


def test_a_message(systemd: socket.socket):
    assert notify(READY=1, STATUS="reading")
    assert systemd.recv(4096) == b"READY=1\nSTATUS=reading"


@pytest.mark.parametrize("address", ["", "none", "/none/there"])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(READY=1) is False


def test_the_watchdog_is_petted_four_times_as_often_as_asked(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    watchdog = Watchdog()
    started = time.monotonic()
    while time.monotonic() - started < 1:
        watchdog.alive()
        time.sleep(0.005)
    assert 3 <= len(heard(systemd, 0.1)) <= 11, "ten, or fewer where the machine is busy; never every time"


def test_no_watchdog_of_another_process(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Watchdog().alive()
    assert heard(systemd, 0.1) == []


def test_the_program_under_systemd(systemd: socket.socket, golden_bundle: Path, tmp_path: Path):
    """READY once it serves; WATCHDOG while frames are read or a camera is looked after; STOPPING at the end."""
    with rehearsal(tmp_path / "camera", FILM) as tell:
        source = f"rehearsal:{tmp_path / 'camera'}"
        environment = {"WATCHDOG_USEC": "400000"}
        with Program("run", golden_bundle, "--source", source, "--mute", environment=environment) as program:
            program.wait_until_ready()
            assert any("READY=1" in said for said in heard(systemd, 0.5))
            assert heard(systemd, 1.5).count("WATCHDOG=1") >= 2
            tell("lost")
            wait_for(lambda: program.health()["camera"]["state"] == "lost")
            heard(systemd, 0.2)
            assert heard(systemd, 1.5).count("WATCHDOG=1") >= 2, "no camera is no reason to start again"
            program.end()
            assert "STOPPING=1" in heard(systemd, 0.5)


def test_a_program_that_no_longer_reads_is_not_alive(systemd: socket.socket, golden_bundle: Path):
    """Its processes stand still as if they hung: no pet comes."""
    import signal

    with Program(
        "run", golden_bundle, "--source", FILM, "--loop", "--mute", environment={"WATCHDOG_USEC": "400000"}
    ) as p:
        p.wait_until_ready()
        assert "WATCHDOG=1" in heard(systemd, 1.5)
        p.process.send_signal(signal.SIGSTOP)
        heard(systemd, 0.2)
        assert heard(systemd, 1.0) == []
        p.process.send_signal(signal.SIGCONT)


# log lines


def line(formatter: LineFormatter, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": "camera", "levelname": "WARNING", "created": 0.0, **extra})
    return formatter.format(record)


def test_lines_for_people():
    assert line(LineFormatter(), state="lost", reason='no "picture" came', none=None) == (
        '1970-01-01T00:00:00Z warning camera state=lost reason="no \\"picture\\" came"'
    )


def test_lines_for_the_journal():
    assert line(LineFormatter(journal=True), state="lost") == "<4>camera state=lost"


def test_lines_for_programs():
    assert json.loads(line(LineFormatter(as_json=True), state="lost", path=Path("x"))) == {
        "time": "1970-01-01T00:00:00Z",
        "level": "warning",
        "event": "camera",
        "state": "lost",
        "path": "x",
    }


def test_what_is_logged_cannot_forge_a_line():
    assert "\n" not in line(LineFormatter(), reason="a\n<0>forged")
