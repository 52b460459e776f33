"""What the benchmarks share: where data lie, running commands, one line a figure."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OUT = ROOT / "out" / "bench"


def folder(variable: str) -> Path:
    """The folder that an environment variable names."""
    if not os.environ.get(variable):
        sys.exit(f"{variable}: expected the folder of the real {'photographs' if 'DATA' in variable else 'weights'}")
    return Path(os.environ[variable])


def run(*command: object) -> tuple[str, float]:
    """Standard output and seconds of a command of this environment; its failure ends the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(
        [str(BIN / str(command[0])), *map(str, command[1:])], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout, time.perf_counter() - started


def last_json(text: str) -> dict:
    """The JSON object on the last line."""
    return json.loads(text.strip().splitlines()[-1])


def median_seconds(*command: object, times: int = 9) -> float:
    """Median wall time of a command."""
    return statistics.median(run(*command)[1] for _ in range(times))


def figure(what: str, value: str, must: str = "", aim: str = "") -> None:
    """One row of the table."""
    print(f"| {what} | {value} | {must} | {aim} |", flush=True)
