"""The two programs as child processes, and the arguments of the smallest real build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SIGNS = ("A", "B", "L", "nothing")

# The smallest network that the recipes can name, three short epochs: TensorFlow's start takes longer. MobileNets, which
# take three times as long to trace and to convert, are trained in tests/host/training and built in test_tune.py.
TINY = {
    "model.backbone": "cnn",
    "model.alpha": "1.0",
    "model.size": "32",
    "training.epochs": "3",
    "training.batch": "16",
    "quantization.pictures": "12",
}

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def edge_asl(
    *arguments: object, environment: dict[str, str] | None = None, timeout_s: float = 900
) -> subprocess.CompletedProcess[str]:
    """``edge-asl`` as a user runs it: another process."""
    command = [sys.executable, "-m", "edge_asl", *map(str, arguments)]
    env = os.environ | QUIET | (environment or {})
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)


def in_child(script: str, *arguments: object) -> str:
    """What a test's own script prints in a process of its own, where TensorFlow may come in."""
    environment = os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, script, *map(str, arguments)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "WARNING:tensorflow" not in run.stderr, run.stderr[-3000:]
    return run.stdout


def device(*arguments: object) -> subprocess.CompletedProcess[str]:
    """``edge-asl-device`` likewise."""
    command = [sys.executable, "-m", "edge_asl_device", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class Built(NamedTuple):
    """What ``edge-asl build`` left behind."""

    data: Path
    bundle: Path
    calibration: Path
    arguments: list[str]
    """Everything after ``edge-asl`` that gave it, ``--json`` left out."""
    run: subprocess.CompletedProcess[str]

    @property
    def work(self) -> Path:
        """Where its steps are kept."""
        return self.bundle.parent / ".work" / self.bundle.name


def build_arguments(data: Path, folder: Path, **settings: str) -> list[str]:
    """A tiny build in ``folder``, the bundle's name always the same: it is written into the model."""
    values = TINY | settings
    where = ["--out", str(folder / "models" / "tiny"), "--calibration", str(folder / "calibration")]
    sets = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    return ["build", "--data", str(data), "--recipe", "demo", "--weights", "none", *where, *sets]
