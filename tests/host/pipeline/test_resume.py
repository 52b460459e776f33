"""A build killed in the middle of its training ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_build import QUIET, Built, build_arguments, edge_asl

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import MANIFEST, MODEL
from edge_asl_device.files import sha256_of


class Resumed:
    """A build that was killed after its first epoch and started again."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.bundle = folder / "models" / "tiny"
        self.work = folder / "models" / ".work" / "tiny"
        arguments = build_arguments(data, folder)
        self.killed_with = self._kill_after_first_epoch(arguments)
        self.left = sorted(path.name for path in self.work.glob("checkpoint-*.npz"))
        self.bundle_was_there = self.bundle.exists()
        self.run = edge_asl(*arguments)

    def _kill_after_first_epoch(self, arguments: list[str]) -> int:
        command = [sys.executable, "-m", "edge_asl", *arguments]
        with subprocess.Popen(command, env=os.environ | QUIET, stderr=subprocess.DEVNULL) as running:
            deadline = time.monotonic() + 600
            while not list(self.work.glob("checkpoint-*.npz")) and running.poll() is None:
                assert time.monotonic() < deadline, "no checkpoint in ten minutes"
                time.sleep(0.005)
            running.send_signal(signal.SIGKILL)
            return running.wait(timeout=30)


@pytest.fixture(scope="module")
def resumed(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    return Resumed(drawn, tmp_path_factory.mktemp("resumed"))


def history(work: Path) -> list[list[float]]:
    """Every epoch's numbers but the seconds it took."""
    return [epoch[:-1] for epoch in json.loads((work / "history.json").read_text())]


def without_times(bundle: Path) -> dict[str, object]:
    measured = json.loads((bundle / "metrics.json").read_text())
    return {key: value for key, value in measured.items() if key not in ("median_ms", "p95_ms")}


def test_it_was_killed_in_the_middle(resumed: Resumed):
    assert resumed.killed_with == -signal.SIGKILL
    assert len(resumed.left) == 1
    assert not resumed.bundle_was_there


def test_it_goes_on_after_the_last_whole_epoch(resumed: Resumed):
    assert resumed.run.returncode == 0, resumed.run.stderr[-3000:]
    said = re.search(r"resuming after epoch (\d) of 3", resumed.run.stderr)
    assert said, resumed.run.stderr[-3000:]
    assert int(said[1]) < 3
    assert f"epoch {said[1]}/3:" not in resumed.run.stderr
    assert "pictures: unchanged" in resumed.run.stderr


def test_the_history_is_that_of_an_uninterrupted_run(resumed: Resumed, built: Built):
    assert history(resumed.work) == history(built.work)
    assert [epoch[0] for epoch in history(built.work)] == [1, 2, 3]


def test_the_bundle_is_that_of_an_uninterrupted_run(resumed: Resumed, built: Built):
    assert sha256_of(resumed.bundle / MODEL) == sha256_of(built.bundle / MODEL)
    assert without_times(resumed.bundle) == without_times(built.bundle)
    assert read_bundle(resumed.bundle).labels == read_bundle(built.bundle).labels


def test_nothing_is_left_over(resumed: Resumed):
    assert list(resumed.work.glob("checkpoint-*")) == []
    assert [path for path in resumed.work.rglob("*") if path.name.startswith((".", "frozen-"))] == []
    listed = json.loads((resumed.bundle / MANIFEST).read_text())["files"]
    assert {path.name for path in resumed.bundle.iterdir()} == {*listed, MANIFEST}
    for name, file in listed.items():
        assert hashlib.sha256((resumed.bundle / name).read_bytes()).hexdigest() == file["sha256"]
