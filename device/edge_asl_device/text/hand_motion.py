"""How far the hand has travelled sideways: small patches of the palm are searched for in the frames that follow.

The look of the hand is tracked, not movement: somebody walking behind it changes much of the picture but not the
patches, and patches that no longer look like the hand (another sign, no hand) are dropped and count as no travel. A
shaking camera swings back, which ``DoubleLetter`` forgives; one that is pushed aside for good, by a good part of a
hand's width, is mistaken for a slide.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

SIDE = 48
# The middle of the hand: large enough to know it by, small enough to hold little of the room.
PATCH = 14
# Right and down from the middle, in pixels: the middle of an L is the room between finger and thumb, its palm is lower
# and on one side. What most of them did, the hand did.
PATCHES = ((0, 3), (-6, 3), (6, 3), (0, 9), (-6, 9), (6, 9))
FOUND = 3
# Rows that a hand may sink or rise by while it slides.
LIFT = 5
# Correlation, −1 to 1: below it the patch shows something else.
ALIKE = 0.85
# A patch that nears the edge of what can be searched is taken again where the hand is now.
REACH = 6
# Grey levels: less contrast than that is noise and matches anywhere.
FLAT = 4.0

_CORNER = (SIDE - PATCH) // 2
FARTHEST = _CORNER - 6


class HandMotion:
    """Follows the hand from frame to frame; 0.2 ms a frame on x86-64."""

    def __init__(self) -> None:
        self._key: Grey | None = None
        self._at = 0
        self._before = 0.0
        self.travel = 0.0
        """As ``measure`` found it last."""

    def measure(self, square: NDArray[np.uint8]) -> float:
        """Where the hand is now, in shares of the square's side to the right of where it was first seen.

        Args:
            square: RGB uint8 (n, n, 3) of any size, the part of a frame that the model sees.

        Returns:
            Travel since the first picture; what cannot be followed adds nothing. Right is the picture's right.
        """
        grey = _small(square)
        moved = self._moved(grey)
        if moved is None:
            # What came between, somebody behind the hand say, may have dragged patches along: that was no travel.
            self.travel -= self._before / SIDE
            self._take(grey, 0)
            return self.travel
        self.travel += (moved - self._before) / SIDE
        self._before = moved
        if abs(moved) >= REACH:
            self._take(grey, round(self._at + moved))
        return self.travel

    def _take(self, grey: Grey, at: int) -> None:
        """Follow what is now ``at`` pixels right of the middle."""
        self._key, self._at, self._before = grey, min(max(at, -FARTHEST), FARTHEST), 0.0

    def _moved(self, grey: Grey) -> float | None:
        """Pixels to the right since the patches were taken; None when too few of them are found again."""
        if self._key is None:
            return None
        found = []
        for right, down in PATCHES:
            left, top = _CORNER + self._at + right, _CORNER + down
            patch = self._key[top : top + PATCH, left : left + PATCH]
            moved, alike = _found(grey[top - LIFT : top + PATCH + LIFT], patch, left)
            if alike >= ALIKE and patch.std() >= FLAT:
                found.append(moved)
        return float(np.median(found)) if len(found) >= FOUND else None


def _small(square: NDArray[np.uint8]) -> Grey:
    """Grey uint8 (48, 48). Every nth pixel first: averaging all of 480 × 480 would take six times as long."""
    step = max(1, min(square.shape[:2]) // (2 * SIDE))
    grey = cv2.cvtColor(np.ascontiguousarray(square[::step, ::step]), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _found(where: Grey, patch: Grey, left: int) -> tuple[float, float]:
    """How far right of ``left`` the patch is found, to a fraction of a pixel, and how alike it is there."""
    match = cv2.matchTemplate(where, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(match)
    return x + _peak(match[y], x) - left, best


def _peak(row: NDArray[np.float32], x: int) -> float:
    """Where between pixels a parabola through the best and its neighbours has its top, −0.5 to 0.5."""
    if not 0 < x < len(row) - 1:
        return 0.0
    before, here, after = float(row[x - 1]), float(row[x]), float(row[x + 1])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
