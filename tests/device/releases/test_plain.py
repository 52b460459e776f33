"""The program in plain mode: a process of its own, known by a file, for which nobody else cares."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl_device.releases import plain
from edge_asl_device.releases.installation import Installation, Mode
from edge_asl_device.releases.plain import Plain
from program import wait_for

PROGRAM = f"""#!{sys.executable}
import sys, time
print("started with", sys.argv[2:], flush=True)
time.sleep(60)
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Plain]:
    """Of a release whose program says one line and goes on."""
    program = tmp_path / "current" / "environment" / "bin" / "edge-asl-device"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    manager = Plain(Installation.at(tmp_path, Mode.PLAIN))
    yield manager
    manager.stop()


def test_it_is_started_and_ended(manager: Plain, tmp_path: Path):
    manager.restart()
    assert manager.running()
    wait_for(lambda: manager.log(20))
    manager.stop()

    assert not manager.running()
    assert not (tmp_path / "kiosk.pid").exists()


def test_the_log_is_that_of_the_last_start_or_reload(manager: Plain):
    for _ in range(2):
        manager.restart()
        wait_for(lambda: manager.log(20))
        assert len(manager.log(20)) == 1
    manager.reload()

    assert manager.log(20) == []


def test_a_program_that_ends_while_it_is_ended_is_no_failure(
    manager: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real_kill = os.kill

    def after_its_end(pid: int, number: int) -> None:
        real_kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        real_kill(pid, number)

    manager.restart()
    monkeypatch.setattr(plain.os, "kill", after_its_end)
    manager.stop()

    assert not manager.running()
    assert not (tmp_path / "kiosk.pid").exists()
