"""J and Z, which are drawn in the air: by the way of the fingertip. Pure, no clock.

The little finger alone stands up and its tip falls, then swings to the thumb's side as the wrist turns: J. The index
finger alone stands up and its tip goes aside, back and down, and aside again: Z. Ways are measured in palms
(``Track``), so that neither the distance from the camera nor the pace matters; the thumb's side is where the index
finger's knuckle lies from the little finger's, so that neither the hand's side nor a mirrored camera does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.track import INDEX, LITTLE, STEP_S, TO_TIP, WRIST, Points, Track, straightness

LONGEST_S = 2.4
"""Slower than anybody draws."""
SHORTEST_S = 0.25

# What is not drawn yet: the tip is still as fast as that, in shares of its fastest, or palms a second.
SLOWING = 0.35
SLOW_PER_S = 0.6
PACE_S = 0.1

# A finger stands alone when it is straighter than the others by this much: 90 to 100 % of the I of three signers, and
# 95 to 100 % of the D of two.
ALONE = 0.1
# A finger that points at the camera is too short to be measured.
ALONE_SHARE = 0.6

FALL = (0.35, 2.8)
"""Palms that J's tip falls by, at least and at most: a hand that is lowered falls by more."""
HOOK = 0.4
"""Palms that it then goes to the thumb's side, and …"""
TWIST = 0.3
"""… palms of it that come from turning the wrist, not from moving the arm."""

STROKE = 0.35
"""Palms from side to side of a Z's shortest stroke."""
TURN = 0.15
"""Palms to and fro that are no stroke: a trembling hand."""


LEAST = 0.35
"""Palms; a tip that stays within them has drawn nothing."""
LITTLE_TIP, INDEX_TIP = LITTLE + TO_TIP, INDEX + TO_TIP


class Drawn(NamedTuple):
    """A letter that was drawn."""

    letter: str
    start_s: float
    """When the drawing began."""


class MovingLetters:
    """Notices a J or a Z when its drawing slows down; each once."""

    def __init__(self) -> None:
        self._since_s = 0.0

    def drawn(self, track: Track) -> Drawn | None:
        """What the hand has just finished to draw, if anything."""
        start_s = max(self._since_s, track.now_s - min(LONGEST_S, track.seen_s))
        # Most of the time the hand is held: what looks closer takes 0.5 ms.
        if track.now_s - start_s < SHORTEST_S or max(track.reach(finger.tip) for finger in FINGERS.values()) < LEAST:
            return None
        now = _alone(track.ago(0.0)[np.newaxis])[0]
        fingers = [(letter, finger) for letter, finger in FINGERS.items() if now[finger.place]]
        if not fingers:
            return None
        points = track.since(start_s)
        alone = _alone(points)
        for letter, finger in fingers:
            if not _slowing(points[:, finger.tip]):
                continue
            begun = finger.begun(points)
            if begun is not None and alone[begun:, finger.place].mean() >= ALONE_SHARE:
                self._since_s = track.now_s
                return Drawn(letter, track.now_s - (len(points) - 1 - begun) * STEP_S)
        return None


def _alone(points: Points) -> NDArray[np.bool_]:
    """Which finger stands alone: (n, 4)."""
    straight = straightness(points)
    others = np.stack([np.delete(straight, place, axis=1).max(axis=1) for place in range(4)], axis=1)
    return straight - others > ALONE  # type: ignore[no-any-return]


def _slowing(tip: Points) -> bool:
    """Whether the tip (n, 2) has all but stopped, or turns slow after having been fast."""
    back = round(PACE_S / STEP_S)
    pace = np.linalg.norm(tip[back:] - tip[:-back], axis=1) / PACE_S
    return bool(len(pace) > 0 and pace[-1] <= max(SLOW_PER_S, SLOWING * pace.max()))


def _begun_j(points: Points) -> int | None:
    """At which of the moments (n, 21, 2) a J began that ends with the last; None where it is none."""
    tip = points[:, LITTLE_TIP] * (1, -1)
    begun = int(np.flatnonzero(tip[:, 1] >= tip[:, 1].max() - 0.1)[-1])
    if len(points) - begun < SHORTEST_S / STEP_S:
        return None
    across = points[begun, INDEX, 0] - points[begun, LITTLE, 0]
    tip = tip[begun:] * (np.sign(across) or 1, 1)
    turned = tip - points[begun:, WRIST] * (np.sign(across) or 1, -1)
    return begun if _is_j(tip, turned) else None


def _is_j(tip: Points, turned: Points) -> bool:
    """Whether a tip's way (n, 2), to the thumb's side and up, is a J; ``turned`` is the same, seen from the wrist."""
    aside, up = tip[:, 0] - tip[:, 0].min(), tip[:, 1] - tip[0, 1]
    fall, hook = -up.min(), aside[-1]
    if not FALL[0] <= fall <= FALL[1] or hook < max(HOOK, fall / 4):
        return False
    farthest = int(aside.argmin())
    # Fallen first, then aside: on a slanting line both would come together.
    halfway = farthest + int(np.argmax(aside[farthest:] >= hook / 2))
    if up[halfway] > -0.6 * fall:
        return False
    # The end goes aside or up, no longer down, as a lowered hand does.
    last = tip[-1] - tip[halfway]
    return bool(last[0] > 0 and last[1] > -0.5 * last[0] and turned[-1, 0] - turned[0, 0] >= TWIST)


def _begun_z(points: Points) -> int | None:
    """At which of the moments (n, 21, 2) a Z began that ends with the last; None where it is none."""
    tip = points[:, INDEX_TIP] * (1, -1)
    corners = _corners(tip[:, 0])
    if len(corners) < 4:
        return None
    corner = corners[-4:]
    first, second, third = np.diff(tip[corner], axis=0)
    widths = np.abs([first[0], second[0], third[0]])
    if widths.min() < max(STROKE, 0.4 * widths.max()):
        return None
    level = max(abs(first[1]) / widths[0], abs(third[1]) / widths[2]) <= 0.8
    falls = second[1] <= -0.25 * widths[1] and second[1] <= min(first[1], third[1]) - 0.15
    return corner[0] if level and falls else None


def _corners(aside: NDArray[np.float64]) -> list[int]:
    """Where a way (n,) from side to side begins, turns by more than ``TURN``, and ends."""
    corners, extreme, direction = [0], 0, 0.0
    for at in range(1, len(aside)):
        step = aside[at] - aside[extreme]
        if direction == 0:
            if abs(step) >= TURN:
                direction = np.sign(step)
                # It may have trembled where it stood before it set out.
                corners[0] = int(np.flatnonzero(np.abs(aside[:at] - aside[0]) < TURN / 2)[-1])
                extreme = at
        elif step * direction >= 0:
            extreme = at
        elif abs(step) >= TURN:
            corners.append(extreme)
            direction, extreme = -direction, at
    return [*corners, extreme]


class Finger(NamedTuple):
    """Which finger draws, and how."""

    tip: int
    place: int
    """Among the four, 0 for the index finger."""
    begun: Callable[[Points], int | None]
    """At which of the moments (n, 21, 2) a drawing began that ends with the last; None where it is none."""


FINGERS = {"J": Finger(LITTLE_TIP, 3, _begun_j), "Z": Finger(INDEX_TIP, 0, _begun_z)}
