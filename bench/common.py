"""What the benchmarks share: where the data is, running commands, recording a figure."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OUT = ROOT / "out" / "bench"
FIGURES = ROOT / "bench" / "figures.json"
"""Every figure last measured; `docs/generate_figures.py` makes the tables of docs/figures.md from it."""


def folder(variable: str) -> Path:
    """The folder that an environment variable names."""
    if not os.environ.get(variable):
        sys.exit(f"{variable} is not set; it names the folder of {'photographs' if 'DATA' in variable else 'weights'}")
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


def figure(name: str, result: str, required: str = "", goal: str = "") -> None:
    """Print one figure and record it.

    Args:
        name: what was measured; the same in every run, because the record is looked up by script and name.
        result: with its unit, and in brackets whatever explains it.
        required: what it must be, such as ``≤ 6 min``; empty if nothing was demanded.
        goal: what would be better still.
    """
    print(f"| {name} | {result} | {required} | {goal} |", flush=True)
    row = {"name": name, "result": result, "required": required, "goal": goal}
    row |= {"script": _script(), "machine": _machine()}
    _record("figures", row, lambda old: (old["script"], old["name"]) == (row["script"], row["name"]))


def table(name: str, header: list[str], rows: list[list[str]]) -> None:
    """Print and record a table with columns of its own."""
    for cells in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(cells)} |", flush=True)
    new = {"name": name, "header": header, "rows": rows, "script": _script(), "machine": _machine()}
    _record("tables", new, lambda old: old["name"] == name)


def _record(kind: str, new: dict, replaces: Callable[[dict], bool]) -> None:
    """Put it where its predecessor is, else at the end."""
    # With arguments a script measures something else, or less: that is only printed.
    if len(sys.argv) > 1:
        return
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    at = next((i for i, old in enumerate(kept[kind]) if replaces(old)), len(kept[kind]))
    kept[kind][at : at + 1] = [new]
    FIGURES.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _script() -> str:
    return f"bench/{Path(sys.argv[0]).name}"


def _machine() -> str:
    """Cores, processor and Python: ``2 × AMD EPYC 7763 64-Core Processor, Python 3.11``."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{os.cpu_count()} × {models[0] if models else platform.machine()}, Python {python}"
