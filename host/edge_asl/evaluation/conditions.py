"""In which pictures a model is good: by the size of the hand, its side, the lightness of the skin and of the room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.datasets.types import Frame
from edge_asl.evaluation.intervals import Interval, wilson
from edge_asl_device.contract.preprocess import Square


class Conditions(NamedTuple):
    """Under what conditions a picture shows a hand; None where nothing can be said."""

    size: float | None
    """The side of the hand's square as a share of the frame's shorter side."""
    left: bool | None
    """Whether it looks like a left hand in the picture: mirrored, every hand is the other one."""
    skin: float | None
    """Median lightness L* of the pixels within the outline of the hand's landmarks, 0 to 100. It is what the camera
    made of skin *and light*: a dark hand in the sun and a pale one in the shade have the same. It is no skin type."""
    room: float | None
    """Median lightness L* of the pixels outside the hand's square, 0 to 100."""


class ConditionScore(Struct, frozen=True):
    """The pictures of one kind."""

    what: str
    """``hand size``, ``hand side``, ``skin lightness``, ``room brightness``."""
    kind: str
    """``below 20 % of the frame``."""
    pictures: int
    accuracy: float
    interval: Interval
    """Wilson."""


class _Division(NamedTuple):
    what: str
    value: Callable[[Conditions], float | None]
    edges: tuple[float, ...]
    kinds: tuple[str, ...]
    """One more than edges."""


def _kinds(form: str, *edges: str) -> tuple[str, ...]:
    """``below 20 %``, ``20 % to 35 %``, …, ``60 % and more``."""
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return tuple(form.format(text) for text in (f"below {edges[0]}", *between, f"{edges[-1]} and more"))


# Fixed edges and not terciles: a row means the same for every model and data set.
_DIVISIONS = (
    _Division("hand size", lambda c: c.size, (0.2, 0.35, 0.6), _kinds("{} of the frame", "20 %", "35 %", "60 %")),
    _Division("hand side", lambda c: c.left, (0.5,), ("right in the picture", "left in the picture")),
    _Division("skin lightness", lambda c: c.skin, (40, 55, 70), _kinds("L* {}", "40", "55", "70")),
    _Division("room brightness", lambda c: c.room, (25, 50, 75), _kinds("L* {}", "25", "50", "75")),
)


def conditions_of(
    frame: Frame, square: Square | None, landmarks: NDArray[np.float32] | None, left: bool = False
) -> Conditions:
    """The conditions in one frame, RGB uint8 (H, W, 3).

    Args:
        square: the hand's; None where none was found, or nobody looked for it.
        landmarks: float32 (21, 2) in pixels, if there are any.
        left: only with landmarks.
    """
    lightness = _lightness(frame)
    size = None if square is None else square.side / min(frame.shape[:2])
    room = _outside(lightness, square)
    if landmarks is None:
        return Conditions(size, None, None, room)
    outline = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillConvexPoly(outline, cv2.convexHull(np.rint(landmarks).astype(np.int32)), [1])
    skin = lightness[outline > 0]
    return Conditions(size, left, float(np.median(skin)) if skin.size else None, room)


def score_conditions(conditions: Sequence[Conditions], right: NDArray[np.bool_]) -> tuple[ConditionScore, ...]:
    """Accuracy by each condition; kinds without a picture, and what does not vary, are left out."""
    return tuple(score for division in _DIVISIONS for score in _scores(division, conditions, right))


def _scores(
    division: _Division, conditions: Sequence[Conditions], right: NDArray[np.bool_]
) -> Iterator[ConditionScore]:
    values = [division.value(found) for found in conditions]
    known = np.array([value is not None for value in values], bool)
    where = np.digitize([0.0 if value is None else float(value) for value in values], division.edges)
    for index, kind in enumerate(division.kinds):
        inside = known & (where == index)
        if n := int(inside.sum()):
            hits = int(right[inside].sum())
            yield ConditionScore(division.what, kind, n, hits / n, wilson(hits, n))


def _lightness(frame: Frame) -> NDArray[np.float32]:
    """CIELAB L*, 0 to 100, float32 (H, W)."""
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)
    return lab[:, :, 0].astype(np.float32) * np.float32(100 / 255)


def _outside(lightness: NDArray[np.float32], square: Square | None) -> float:
    around = np.ones(lightness.shape, bool)
    if square is not None:
        around[max(square.y, 0) : square.y + square.side, max(square.x, 0) : square.x + square.side] = False
    # A hand that fills the picture leaves no room to see.
    return float(np.median(lightness[around] if around.any() else lightness))
