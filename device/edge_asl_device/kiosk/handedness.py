"""Which hand a visitor signs with, so that the drawings show the same. Pure: time comes with every frame."""

from __future__ import annotations

LASTS_S = 0.7
"""Seen from its edge a hand is taken for the other one now and then."""


class Handedness:
    """A right hand until a left one was seen for a while, and then that one, until a right one is."""

    def __init__(self) -> None:
        self.left = False
        self._other_s: float | None = None

    def seen(self, time_s: float, *, left: bool) -> None:
        """Take in a hand that was followed in one frame."""
        if left == self.left:
            self._other_s = None
        elif self._other_s is None:
            self._other_s = time_s
        elif time_s - self._other_s >= LASTS_S:
            self.left, self._other_s = left, None
