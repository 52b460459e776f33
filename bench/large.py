"""A set of 100,000 pictures (2 GB): checked, packed into shards, checked again there, and trained on for one epoch.

How much memory each takes, and whether the last tenth of the pictures is as quick as the first. ``python bench/large.py
5000`` does it with 5,000, and ``--folder DIR`` somewhere else than in the temporary folder.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common import figure

COUNT = 100_000
LABELS = "ABCDEFGHIKLMNOPQRSTUVWXY"
PEOPLE = 100
SIDE = 92  # of noise, this is a JPEG of 20 KB
RECIPE = ("model.backbone=mobilenet", "model.alpha=0.25", "model.size=32", "training.epochs=1", "training.batch=64")
MOST_MB = 4096


def write_noise(folder: Path, count: int) -> None:
    """Pictures of noise in a folder per person and class; no two look alike."""
    import cv2
    import numpy as np

    def write(number: int) -> None:
        person, label = number % PEOPLE, LABELS[number // PEOPLE % len(LABELS)]
        noise = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        path = folder / f"person{person:03}" / label / f"{label}{number}.jpg"
        path.write_bytes(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())

    for person in range(PEOPLE):
        for label in LABELS:
            (folder / f"person{person:03}" / label).mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, range(count)):
            pass


class Step(NamedTuple):
    """How far a task was, and when."""

    wall_s: float
    processor_s: float
    done: int


class Clock:
    """Progress that notes the time of every step."""

    def __init__(self) -> None:
        self.tasks: dict[str, list[Step]] = {}

    def say(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[object]:
        """Note when each step was done."""
        steps = self.tasks.setdefault(label, [])
        yield lambda done, note="", total=None: steps.append(Step(time.perf_counter(), time.process_time(), done))

    def rates(self) -> dict[str, list[float]]:
        """Task → steps a second in its first and in its last tenth, and a second of processor time, which neighbours on
        the machine do not change; compiling before the first step does not count.
        """
        return {
            label: [*_rates(steps, 0.0, 0.1), *_rates(steps, 0.9, 1.0)] for label, steps in self.tasks.items() if steps
        }


def _rates(steps: list[Step], begin: float, end: float) -> tuple[float, float]:
    inside = [step for step in steps if begin * steps[-1].done <= step.done <= end * steps[-1].done]
    first, last = inside[0], inside[-1]
    if first.done == last.done:
        return float("nan"), float("nan")
    done = last.done - first.done
    return done / (last.wall_s - first.wall_s), done / max(1e-9, last.processor_s - first.processor_s)


def check(data: Path, scratch: Path, clock: Clock) -> None:
    """``edge-asl data check``."""
    from edge_asl.datasets.check import check_dataset

    with clock.task("checked", 0) as advance:
        assert not check_dataset(data, advance=advance).has_errors


def pack(data: Path, scratch: Path, clock: Clock) -> None:
    """``edge-asl data shard``, in shards so small that each tenth has as many of them to read back."""
    from edge_asl.datasets.shards.sharding import ShardRequest, shard

    shard(ShardRequest([data], scratch / "shards", per_shard=1000), clock)


def build(data: Path, scratch: Path, clock: Clock) -> None:
    """``edge-asl build``, one epoch."""
    from edge_asl.pipeline.build import build as run
    from edge_asl.pipeline.context import BuildRequest
    from edge_asl.recipes.recipe import load_recipe

    recipe = load_recipe("demo", RECIPE)
    run(BuildRequest([data], "demo", recipe, "none", scratch / "models" / "large", scratch / "calibration"), clock)


STEPS = {
    "check": (check, "files"),
    "pack": (pack, "files"),
    "check-shards": (check, "shards"),
    "build": (build, "shards"),
}


def one_step(name: str, scratch: Path) -> None:
    """One step in this process; its figures as JSON on the last line."""
    step, data = STEPS[name]
    clock, started = Clock(), time.perf_counter()
    step(scratch / data, scratch, clock)
    seconds = time.perf_counter() - started
    # Not getrusage: its peak begins with the one of the process that started this one.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024
    print(json.dumps({"peak_mb": peak, "seconds": seconds, "rates": clock.rates()}))


def main() -> None:
    """Each step in a process of its own, so that its peak is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help="how many pictures")
    parser.add_argument("--folder", type=Path, help="where 5 GB are free; default: the temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        one_step(options.step, options.folder)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        scratch, started = Path(folder), time.perf_counter()
        write_noise(scratch / "files", options.count)
        print(f"{options.count:,} pictures drawn in {time.perf_counter() - started:.0f} s", flush=True)
        for name in STEPS:
            report(name, options.count, scratch)


def report(name: str, count: int, scratch: Path) -> None:
    """Run one step and print what it took."""
    command = [sys.executable, __file__, "--step", name, "--folder", str(scratch)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    figure(f"{count:,} pictures, {name}: peak memory", f"{found['peak_mb']:.0f} MB", f"≤ {MOST_MB} MB")
    figure(f"{count:,} pictures, {name}: time", f"{found['seconds']:.0f} s")
    for label, rates in found["rates"].items():
        first, first_processor, last, last_processor = (
            f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" for rate in rates
        )
        unit = "batches" if label.startswith("epoch") else "pictures"
        result = f"{first} and {last} {unit}/s ({first_processor} and {last_processor} a second of processor time)"
        figure(f"{count:,} pictures, {name}, {label}: first tenth and last", result)


if __name__ == "__main__":
    main()
