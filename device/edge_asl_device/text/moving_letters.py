"""J and Z, which are drawn in the air: by the way of the fingertip. Pure, no clock.

The little finger alone stands up and its tip falls, then swings to the thumb's side as the wrist turns: J. The index
finger alone stands up and its tip goes aside, back and down, and aside again: Z. Ways are measured in palms
(``Track``), so that neither the distance from the camera nor the pace matters; the thumb's side is where the index
finger's knuckle lies from the little finger's, so that neither the hand's side nor a mirrored camera does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.track import (
    INDEX,
    LITTLE,
    STEP_S,
    TO_TIP,
    WRIST,
    Points,
    Track,
    apart,
    shape_of,
    straightness,
)

LONGEST_S = 2.4
"""Slower than anybody draws."""
SHORTEST_S = 0.25

# What is not drawn yet: the tip is still as fast as that, in shares of its fastest, or palms a second.
SLOWING = 0.35
SLOW_PER_S = 0.6
PACE_S = 0.1

# A tip that keeps within so many palms for so long has rested …
RESTS, REST_S = 0.12, 0.4
# … unless that is the end of what it drew.
ENDS_S = 0.2

# A finger stands alone when it is straighter than the others by this much: 90 to 100 % of the I of three signers, and
# 95 to 100 % of the D of two.
ALONE = 0.1
MEAN = 2
"""Moments before and after that its straightness is averaged with."""
# A finger that points at the camera is too short to be measured.
ALONE_SHARE = 0.6

FALL = (0.35, 2.8)
"""Palms that J's tip falls by, at least and at most: a hand that is lowered falls by more."""
HOOK = 0.4
"""Palms that it then goes to the thumb's side, and …"""
TWIST = 0.3
"""… palms of it that come from turning the wrist, not from moving the arm."""

STROKE = 0.25
"""Palms from side to side of a Z's shortest stroke."""
LOWER = 0.15
"""Palms that its third stroke lies below the first, at least."""
TILT = 0.5
"""How far both may rise or fall for each palm aside."""
RIGID = 0.3
"""Palms that its hand changes its shape by, at most: passing from one letter to another, a tip may go any way."""
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
    """Notices a J or a Z when its drawing slows down; each once.

    Args:
        labels: those of them that are read at all.
    """

    def __init__(self, labels: Collection[str] = ("J", "Z")) -> None:
        self._since_s = 0.0
        self.look_for(labels)

    def look_for(self, labels: Collection[str]) -> None:
        """Those of these labels from now on."""
        self._fingers = {letter: finger for letter, finger in FINGERS.items() if letter in labels}

    def drawn(self, track: Track) -> Drawn | None:
        """What the hand has just finished to draw, if anything."""
        start_s = max(self._since_s, track.now_s - min(LONGEST_S, track.seen_s))
        # Most of the time the hand is held: what looks closer takes 0.5 ms.
        reach = max((track.reach(finger.tip) for finger in self._fingers.values()), default=0.0)
        if track.now_s - start_s < SHORTEST_S or reach < LEAST:
            return None
        now = _alone(track.since(track.now_s - 2 * MEAN * STEP_S)).any(axis=0)
        fingers = [(letter, finger) for letter, finger in self._fingers.items() if now[finger.place]]
        if not fingers:
            return None
        points = track.since(start_s)
        alone = _alone(points)
        for letter, finger in fingers:
            tip = points[:, finger.tip]
            rest = _rest(tip)
            if len(tip) - rest < SHORTEST_S / STEP_S or not _slowing(tip):
                continue
            begun = finger.begun(points[rest:])
            if begun is not None and alone[rest + begun :, finger.place].mean() >= ALONE_SHARE:
                self._since_s = track.now_s
                return Drawn(letter, track.now_s - (len(points) - 1 - rest - begun) * STEP_S)
        return None


def _alone(points: Points) -> NDArray[np.bool_]:
    """Which finger stands alone: (n, 4). A mean over neighbours in time: the bones of a fist are short and tremble."""
    straight = straightness(points)
    reach = min(MEAN, len(straight) // 2)
    sums = np.cumsum(np.pad(straight, ((reach + 1, reach), (0, 0)), "edge"), axis=0)
    straight = (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)
    others = np.stack([np.delete(straight, place, axis=1).max(axis=1) for place in range(4)], axis=1)
    return straight - others > ALONE  # type: ignore[no-any-return]


def _rest(tip: Points) -> int:
    """At which moment the tip (n, 2) set out, having rested; 0 where it did not. Corners are turned without a rest."""
    span = round(REST_S / STEP_S)
    if len(tip) < span:
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(tip, span, axis=0)
    rests = np.flatnonzero(np.ptp(windows, axis=2).max(axis=1)[: -round(ENDS_S / STEP_S)] <= RESTS)
    return int(rests[-1]) + span - 1 if len(rests) else 0


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
    if up[halfway] > -0.55 * fall:
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
    corner = [_leveled(tip, *corners[-4:-2]), *corners[-3:]]
    first, second, third = np.diff(tip[corner], axis=0)
    widths = np.abs([first[0], second[0], third[0]])
    if widths.min() < max(STROKE, widths.max() / 3) or _reshaped(points[corner[0] :: 3]) > RIGID:
        return None
    # The whole Z may be tilted: its first and third stroke say by how much.
    tilt = float(first[1] / first[0] + third[1] / third[0]) / 2
    falls = second[1] - tilt * second[0]
    return corner[0] if abs(tilt) <= TILT and falls <= -max(LOWER, widths[1] / 4) else None


def _reshaped(points: Points) -> float:
    """By how many palms the first of the hands (n, 21, 2) differs in shape from the one that does most."""
    return max(apart(shape_of(hand), shape_of(points[0])) for hand in points)


def _leveled(tip: Points, start: int, end: int) -> int:
    """Where a stroke that ends at ``end`` begins to go aside: a hand raised into place only goes up before."""
    aside, up = np.abs(tip[start:end] - tip[end]).T
    level = np.flatnonzero(up <= TILT * aside)
    return start + int(level[aside[level].argmax()]) if len(level) else start


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
