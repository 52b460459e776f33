"""How long a sign takes here: the bare inference and the whole path, side by side."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.bundle import Bundle
from edge_asl_device.contract.known_answer import KNOWN_ANSWER, picture_of, read_known_answer
from edge_asl_device.contract.manifest import LANDMARKS, SIGN
from edge_asl_device.errors import BundleError
from edge_asl_device.inference.hand_stages import HandStages
from edge_asl_device.inference.hands.stage import PLAIN
from edge_asl_device.inference.recogniser import Recogniser

FRAME_S = 1 / 30
APART_S = 10.0
"""Frames so far apart have nothing to do with one another: each is searched."""

Work = Callable[[], dict[str, float]]
"""Does something once; what it took, in seconds, under one name or several."""


class Bench(NamedTuple):
    """What is measured of one bundle."""

    frame: str
    input: str
    works: tuple[Work, ...]
    whole: str
    """The name of a frame's whole path."""


def measure(recogniser: Recogniser, runs: int = 300) -> dict[str, object]:
    """Milliseconds of the bare inference, of each stage and of the whole path from a frame to probabilities.

    They are taken in turns, so that all see the same caches, clock and neighbours; ``ratio`` is that of the medians.
    In a bundle that reads hands, ``whole_path_ms`` is a frame in which the hand is followed, ``searched_ms`` one in
    which it is looked for, and ``raw_invoke_ms`` the models that a followed frame needs.

    Raises:
        BundleError: the bundle reads hands, and carries no drawn one to read.
    """
    stages = recogniser.stages
    recogniser.warm_up()
    bench = _of_hands(recogniser, stages) if isinstance(stages, HandStages) else _of_squares(recogniser)
    samples: dict[str, list[float]] = {}
    for run in range(-(runs // 10), runs):  # the first tenth warms caches and does not count
        taken = [(name, seconds * 1000) for work in bench.works for name, seconds in work().items()]
        for name, milliseconds in taken if run >= 0 else ():
            samples.setdefault(name, []).append(milliseconds)
    found = {name: _summary(np.array(values)) for name, values in samples.items()}
    bare, whole = found.pop("bare"), found.pop(bench.whole)
    searched = {"searched_ms": found.pop("searched")} if "searched" in found else {}
    return {
        "runtime": recogniser.engine.runtime,
        "frame": bench.frame,
        "input": bench.input,
        "runs": runs,
        "stages_ms": found,
        "raw_invoke_ms": bare,
        "whole_path_ms": whole,
        **searched,
        "ratio": round(whole["median"] / bare["median"], 3),
    }


def _of_squares(recogniser: Recogniser) -> Bench:
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    side = "x".join(map(str, recogniser.bundle.spec().inputs[0].shape[1:3]))
    bare = _timed("bare", recogniser.engine.interpreter.invoke)
    whole = _timed("whole", lambda: recogniser.classify(frame))
    return Bench("640x480", side, (lambda: recogniser.recognise(frame).stages, bare, whole), "whole")


def _of_hands(recogniser: Recogniser, stages: HandStages) -> Bench:
    frame = _drawn_hand(recogniser.bundle)
    stage, sign = stages.stage, stages.sign
    hand = stage.find(frame)
    if hand is None:
        raise BundleError(f"{recogniser.bundle.folder / KNOWN_ANSWER}: no hand is found in it; build the bundle again")
    bare = [recogniser.engines[name].interpreter for name in (LANDMARKS, SIGN)]
    search, follow = (_each(HandStages(stage, sign, recogniser.labels), frame, gap) for gap in (APART_S, FRAME_S))
    works = (
        _timed("bare", lambda: [interpreter.invoke() for interpreter in bare]),
        _timed("palms", lambda: stage.palms(frame, PLAIN.view, PLAIN.palm)),
        _timed("landmarks", lambda: stage.read(frame, hand.region)),
        lambda: {"sign" if name == "invoke" else name: seconds for name, seconds in sign.answer(hand)[1].items()},
        _timed("searched", search),
        _timed("followed", follow),
    )
    height, width = frame.shape[:2]
    return Bench(f"{width}x{height}", "hand", works, "followed")


def _each(stages: HandStages, frame: NDArray[np.uint8], gap_s: float) -> Callable[[], object]:
    """Recognises the frame as the next of a film, ``gap_s`` seconds after the last."""
    number = itertools.count()
    return lambda: stages.recognise(frame, time_s=next(number) * gap_s)


def _drawn_hand(bundle: Bundle) -> NDArray[np.uint8]:
    check = read_known_answer(bundle)
    if check is None:
        raise BundleError(f"{bundle.folder}: has no {KNOWN_ANSWER}, whose hand is measured; build the bundle again")
    return picture_of(check)


def _timed(name: str, work: Callable[[], object]) -> Work:
    def timed() -> dict[str, float]:
        started = time.perf_counter()
        work()
        return {name: time.perf_counter() - started}

    return timed


def _summary(samples: NDArray[np.float64]) -> dict[str, float]:
    return {"median": round(float(np.median(samples)), 4), "p95": round(float(np.percentile(samples, 95)), 4)}
