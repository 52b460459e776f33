"""How long a sign takes here: the bare inference and the whole path, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.inference.recogniser import Recogniser


def measure(recogniser: Recogniser, runs: int = 300) -> dict[str, object]:
    """Milliseconds of the bare inference and of the whole path from a frame to probabilities, taken in turns.

    Taken in turns, both see the same caches, clock and neighbours; ``ratio`` is that of the medians.
    """
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    recogniser.warm_up()
    bare, whole = np.empty(runs), np.empty(runs)
    for i in range(-runs // 10, runs):  # the first tenth warms caches and is overwritten
        bare[i] = _milliseconds(recogniser.engine.interpreter.invoke)
        whole[i] = _milliseconds(lambda: recogniser.classify(frame))
    return {
        "runtime": recogniser.engine.runtime,
        "frame": "640x480",
        "input": "x".join(map(str, recogniser.bundle.spec().inputs[0].shape[1:3])),
        "runs": runs,
        "raw_invoke_ms": _summary(bare),
        "whole_path_ms": _summary(whole),
        "ratio": round(float(np.median(whole) / np.median(bare)), 3),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _summary(samples: NDArray[np.float64]) -> dict[str, float]:
    return {"median": round(float(np.median(samples)), 4), "p95": round(float(np.percentile(samples, 95)), 4)}
