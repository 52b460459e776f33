"""The int8 hand stage against the float one, on the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.progress import Advance, unwatched
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.stage import HandStage


class Comparison(Struct, frozen=True):
    """How far the int8 hand stage is from the float one. Errors in sizes of the hand: the longer side of its box."""

    pictures: int
    found_float: int
    """Pictures in which the float stage finds a hand."""
    found_int8: int
    missed: int
    """Found by the float stage only."""
    error: float
    """Mean distance of the 21 landmarks, over pictures in which both find the same hand."""
    error_p95: float
    """19 of 20 pictures have less."""
    others: int
    """Pictures in which they find different hands: half a hand's size apart or more."""
    sides: int
    """Pictures in which they take the same hand for the other side."""


class Pair(NamedTuple):
    """What both stages found in one picture."""

    frame: Frame
    plain: Hand | None
    quantized: Hand | None

    @property
    def error(self) -> float | None:
        """Mean distance of the landmarks in hand sizes; None unless both found a hand."""
        if self.plain is None or self.quantized is None:
            return None
        size = float(np.ptp(self.plain.landmarks, axis=0).max())
        distances = np.linalg.norm(self.plain.landmarks - self.quantized.landmarks, axis=1)
        return float(distances.mean()) / max(size, 1.0)


def find_both(
    dataset: Dataset, pictures: Sequence[Picture], plain: HandStage, quantized: HandStage, advance: Advance = unwatched
) -> list[Pair]:
    """Look for a hand in each picture with both stages.

    Raises:
        PictureError: a picture cannot be read.
    """
    pairs = []
    for number, picture in enumerate(pictures):
        frame = dataset.load(picture)
        pairs.append(Pair(frame, plain.find(frame), quantized.find(frame)))
        advance(number + 1)
    return pairs


def compare(pairs: Sequence[Pair]) -> Comparison:
    """Figures of ``find_both``."""
    errors = [pair.error for pair in pairs if pair.error is not None]
    same = np.array([error for error in errors if error < 0.5] or [0.0])
    return Comparison(
        pictures=len(pairs),
        found_float=sum(pair.plain is not None for pair in pairs),
        found_int8=sum(pair.quantized is not None for pair in pairs),
        missed=sum(pair.plain is not None and pair.quantized is None for pair in pairs),
        error=float(same.mean()),
        error_p95=float(np.percentile(same, 95)),
        others=sum(error >= 0.5 for error in errors),
        sides=sum(_other_side(pair) for pair in pairs),
    )


def _other_side(pair: Pair) -> bool:
    if pair.plain is None or pair.quantized is None or (pair.error or 0.0) >= 0.5:
        return False
    return pair.plain.left != pair.quantized.left
