"""The hand stage on every picture of a data set: once as a device does it, and from disturbed regions for training."""

from __future__ import annotations

import concurrent.futures
import math
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.broken import Broken
from edge_asl.datasets.types import Dataset, Frame
from edge_asl.evaluation.conditions import conditions_of
from edge_asl.evaluation.kept import conditions_array
from edge_asl.progress import Advance, Progress
from edge_asl.training.readings import Readings, empty_readings, load_readings, save_readings
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.hand_stages import square_of_hand
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.region import Region, beside
from edge_asl_device.inference.hands.stage import CROP, HandStage
from edge_asl_device.text.buffer import NOTHING

VIEWS = 4
"""Readings of each picture. More of them gain nothing that can be told from chance (docs/training.md)."""
PART = 64
"""Pictures whose readings are kept together: a few seconds of work."""

# How far a region is off when a device follows a moving hand, and more: a network that has seen such regions is not
# irritated by them. Shares of the region's side, its logarithm, and radians.
_SHIFT, _SCALE, _TURN = 0.025, 0.10, math.radians(15)
# Not the recipe's: what is read does not depend on how a network is trained.
_SEED = 1


def read_hands(
    stage_of: Callable[[], HandStage], dataset: Dataset, advance: Advance, parts: Path | None = None
) -> Readings:
    """Read every picture of ``dataset``, in its order.

    Args:
        stage_of: makes a hand stage; each thread has its own.
        dataset: the pictures.
        advance: told how many have been read.
        parts: a folder in which readings are kept as they are made, and found again when the same is read once more;
            None: an interrupted reading begins again.

    Raises:
        PictureError: a picture cannot be read.
    """
    readings, own = empty_readings(len(dataset.pictures), VIEWS), threading.local()
    broken = Broken(dataset)

    def read(row: int) -> None:
        frame = broken.load(dataset.pictures[row])
        if frame is None or broken:  # nothing will come of these readings
            return
        if not hasattr(own, "stage"):
            own.stage = stage_of()
        hand = own.stage.find(frame)
        if hand is not None:
            rng = np.random.default_rng((_SEED, row))
            others = [_disturbed(own.stage, frame, hand.region, rng) for _ in range(VIEWS - 2)]
            _keep(readings, row, [hand, own.stage.read(frame, beside(hand.region)), *others])
            readings.square[row] = square_of_hand(hand.landmarks, frame.shape[0], frame.shape[1])
        readings.conditions[row] = _conditions(frame, hand, readings.square[row])

    if parts is not None:
        parts.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(dataset.pictures), PART):
            rows = np.arange(first, min(first + PART, len(dataset.pictures)))
            kept = None if parts is None else parts / f"{first}.npz"
            if kept is not None and kept.exists():
                readings.put(rows, load_readings(kept))
                advance(first + len(rows))
                continue
            for done, _ in enumerate(pool.map(read, rows), first + 1):
                advance(done)
            if kept is not None and not broken:
                save_readings(kept, readings.some(rows))
    broken.complain()
    return readings


def tell_missed(dataset: Dataset, readings: Readings, progress: Progress) -> None:
    """Say in how many pictures no hand was found, and of which signs therefore nothing is learned."""
    progress.say(f"  no hand found in {int((~readings.found).sum())} of {len(readings.found)} pictures")
    seen = {dataset.pictures[row].label for row in np.flatnonzero(readings.found)} | {NOTHING}
    if unseen := [label for label in dataset.labels if label not in seen]:
        progress.say(
            f"warning: no hand found in any picture of {', '.join(unseen)}: the model cannot learn what it never saw; "
            "take pictures in which the whole hand can be seen"
        )


def _conditions(frame: Frame, hand: Hand | None, square: NDArray[np.int32]) -> NDArray[np.float32]:
    where, points, left = None, None, False
    if hand is not None:
        where, points, left = Square(*map(int, square)), hand.landmarks, hand.left
    row: NDArray[np.float32] = conditions_array([conditions_of(frame, where, points, left)])[0]
    return row


def _keep(readings: Readings, row: int, hands: Sequence[Hand]) -> None:
    readings.found[row] = True
    for view, hand in enumerate(hands):
        readings.mirrored[row, view] = hand.region.mirrored
        readings.landmarks[row, view] = hand.landmarks
        readings.angle[row, view] = hand.region.angle
        readings.pooled[row, view] = hand.pooled


def _disturbed(stage: HandStage, frame: Frame, region: Region, rng: np.random.Generator) -> Hand:
    """The same hand in another light, from a region that is a little off."""
    shift = rng.normal(0, _SHIFT, 2) * region.side
    other = region._replace(
        cx=region.cx + shift[0],
        cy=region.cy + shift[1],
        side=region.side * math.exp(rng.normal(0, _SCALE)),
        angle=region.angle + rng.uniform(-_TURN, _TURN),
    )
    return stage.read(_in_other_light(frame, region.side, rng), other)


def _in_other_light(frame: Frame, side: float, rng: np.random.Generator) -> Frame:
    """Another colour, gamma and contrast, and sometimes a blur, which counts in pixels of the model's crop."""
    levels = np.linspace(0, 1, 256)[:, None].repeat(3, 1)
    levels = np.clip(levels * rng.uniform(0.85, 1.15, 3), 0, 1) ** (2 ** rng.normal(0, 0.5))
    levels = np.clip((levels - 0.5) * rng.uniform(0.7, 1.2) + 0.5, 0, 1)
    table: NDArray[np.uint8] = np.rint(levels * 255).astype(np.uint8)[None]
    if rng.random() < 0.3:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.5, 2.0) * side / CROP)  # type: ignore[assignment]
    return cv2.LUT(frame, table)  # type: ignore[return-value]
