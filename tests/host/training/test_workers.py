"""``edge-asl build`` as two real worker processes on 127.0.0.1, beside one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tiny_build import QUIET, build_arguments, edge_asl

# Phase one, the frozen layers' outputs and the last layers: all that workers share.
SETTINGS = {
    "model.backbone": "mobilenet",
    "model.alpha": "0.25",
    "model.dropout": "0.0",
    "training.layers": "7",
    "training.variants": "1",
    "training.head_epochs": "3",
    "training.epochs": "8",
    "training.batch_norm": "frozen",
    "training.averaging": "0.9",
}
LIMIT_S = 300


class Ended(NamedTuple):
    """A worker process that has ended."""

    status: int
    output: str
    errors: str


def arguments(data: Path, weights: Path, folder: Path, **more: str) -> list[str]:
    """Everything after ``edge-asl``."""
    found = build_arguments(data, folder, **SETTINGS | {key.replace("__", "."): value for key, value in more.items()})
    found[found.index("--weights") + 1] = str(weights / "mobilenet_0.25_224_no_top.weights.h5")
    return [*found, "--json"]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def tf_config(ports: list[int], index: int) -> dict[str, str]:
    """The environment of one worker."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})}


@contextlib.contextmanager
def workers(commands: list[list[str]]) -> Iterator[list[subprocess.Popen[str]]]:
    """One process for each command; those that still run at the end are killed."""
    ports = free_ports(len(commands))
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "edge_asl", *command],
            env=os.environ | QUIET | tf_config(ports, index),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for index, command in enumerate(commands)
    ]  # fmt: skip
    try:
        yield started
    finally:
        for one in started:
            one.kill()
            one.communicate(timeout=30)


def ended(process: subprocess.Popen[str], limit_s: float = LIMIT_S) -> Ended:
    output, errors = process.communicate(timeout=limit_s)
    return Ended(process.returncode, output, errors)


def work(folder: Path) -> Path:
    return folder / "models" / ".work" / "tiny"


def history(folder: Path) -> Any:
    """Float (epochs, 4): losses and accuracies."""
    return np.array(json.loads((work(folder) / "history.json").read_text()))[:, 1:5]


class Resumed(NamedTuple):
    """A build by two workers, one of which was killed after an epoch; then both were started again."""

    folder: Path
    left: Ended
    """The chief, when it had lost the other."""
    ended: list[Ended]
    """Both, at last."""


@pytest.fixture(scope="module")
def resumed(drawn: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    folder = tmp_path_factory.mktemp("together")
    command = arguments(drawn, weights, folder)
    with workers([command] * 2) as (chief, other):
        deadline = time.monotonic() + LIMIT_S
        while not list(work(folder).glob("checkpoint-*.npz")):
            assert time.monotonic() < deadline
            assert chief.poll() is None, ended(chief).errors[-3000:]
            time.sleep(0.01)
        other.send_signal(signal.SIGKILL)
        left = ended(chief, limit_s=60)
    assert not (work(folder) / "float-weights.npz").exists()
    with workers([command] * 2) as both:
        return Resumed(folder, left, [ended(one) for one in both])


def test_a_lost_worker_ends_the_other_with_one_line(resumed: Resumed):
    assert resumed.left.status == 1
    last = resumed.left.errors.splitlines()[-1]
    assert last.startswith("edge-asl: worker 1 was lost: ")
    assert last.endswith("; start all workers again: training resumes after the last epoch that was completed")
    assert len(last) < 300


def test_two_workers_build_what_one_builds(drawn: Path, weights: Path, resumed: Resumed, tmp_path: Path):
    """Even if one was lost in between."""
    alone = edge_asl(*arguments(drawn, weights, tmp_path))
    assert alone.returncode == 0, alone.stderr[-3000:]

    chief, other = resumed.ended
    assert (chief.status, other.status) == (0, 0), (chief.errors[-2000:], other.errors[-2000:])
    assert all("  resuming after epoch " in one.errors for one in resumed.ended)
    assert history(resumed.folder) == pytest.approx(history(tmp_path), rel=1e-3)
    one, two = json.loads(alone.stdout), json.loads(chief.output)
    assert two["accuracy"] == pytest.approx(one["accuracy"], abs=1 / 12)  # one of the twelve pictures
    assert two["accuracy_float"] == one["accuracy_float"]


def test_only_the_chief_writes_the_bundle(resumed: Resumed):
    _, other = resumed.ended
    assert other.output == "worker 1 of 2: done; the chief writes the bundle\n"
    assert sorted(path.name for path in (resumed.folder / "models").iterdir()) == [".work", "tiny"]
    own = resumed.folder / "models" / ".work" / "tiny.worker1"
    notes = ["contents.json", "hashes.json", "pictures.u8", "small-copies.json", "split.json", "steps.json"]
    assert sorted(path.name for path in own.iterdir()) == notes


def test_workers_with_different_recipes_refuse(drawn: Path, weights: Path, tmp_path: Path):
    commands = [arguments(drawn, weights, tmp_path, training__learning_rate=rate) for rate in ("0.001", "0.002")]
    with workers(commands) as both:
        refused = [ended(one) for one in both]

    assert [one.status for one in refused] == [1, 1]
    for one in refused:
        line = one.errors.splitlines()[-1]
        assert line.startswith("edge-asl: worker 1: expected the same data, recipe, weights and packages as worker 0's")
        assert line.endswith("; give every worker the same")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "letters: its network is small and trains on one worker in seconds; unset TF_CONFIG"),
        (["--leave-one-out"], "--leave-one-out: one worker does it; unset TF_CONFIG"),
    ],
)
def test_what_one_worker_does_alone(drawn: Path, tmp_path: Path, options: list[str], line: str):
    recipe = "demo" if options else "letters"
    run = edge_asl(
        "build", "--data", drawn, "--recipe", recipe, "--weights", "none", "--out", tmp_path / "tiny", *options,
        environment=tf_config([2222, 2223], 1),
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (1, f"edge-asl: {line}\n")
