"""The sideways shift of a doubled letter: the same sign slides aside and stops. Pure, no clock."""

from __future__ import annotations

import math

# Shares of the square's side. A hand that fills the square is about 0.4 wide; a doubled letter moves it by a third of
# that or more, a tremor by 0.005.
SLIDE = 0.12
# The slow drift of a tiring arm is no slide: the resting position follows it with this time constant.
REST_S = 1.0
# A hand waving to and fro at 1 Hz is this slow for 0.05 s at each turn.
STILL_PER_S = 0.15
STILL_S = 0.1
# Of the speed, which is a difference of two measured positions and jumps from frame to frame.
SPEED_S = 0.05


class DoubleLetter:
    """Notices that a hand has slid aside by a good part of its width and stopped there."""

    def __init__(self) -> None:
        self.start(0.0)

    def start(self, sideways: float) -> None:
        """Start over with the hand resting at ``sideways`` (shares of the square's side)."""
        self._rest = self._position = sideways
        self._speed = 0.0
        self._still_s = 0.0
        self._away = False

    def ended(self, elapsed_s: float, sideways: float) -> bool:
        """Take in where the hand is ``elapsed_s`` later; True once, when a slide has ended."""
        if elapsed_s <= 0:
            return False
        share = 1 - math.exp(-elapsed_s / SPEED_S)
        self._speed += ((sideways - self._position) / elapsed_s - self._speed) * share
        self._position = sideways
        self._away = self._away or abs(sideways - self._rest) >= SLIDE
        if not self._away:
            self._rest += (sideways - self._rest) * (1 - math.exp(-elapsed_s / REST_S))
            return False
        self._still_s = self._still_s + elapsed_s if abs(self._speed) < STILL_PER_S else 0.0
        if self._still_s < STILL_S:
            return False
        # It may have come back to where it started: that is no doubled letter.
        stayed = abs(sideways - self._rest) >= SLIDE / 2
        self.start(sideways)
        return stayed
