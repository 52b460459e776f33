"""What a hand's movement says beside its shape: still enough to be read, a letter drawn, a letter doubled. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.moving_letters import Drawn, MovingLetters
from edge_asl_device.text.repeats import Repeats
from edge_asl_device.text.stillness import is_still
from edge_asl_device.text.track import Points, Track, apart, shape_of

# Root mean square, palms. A drawing is noticed as its tip slows down; until it rests the hand turns by up to …
SETTLES = 0.4
# … and with less change than this it still shows how the letter ended.
CHANGED = 0.15


class Motion(NamedTuple):
    """How a hand moves in one frame."""

    tracked: bool = False
    """Whether there are landmarks to say so; without them all else is as if the hand were held."""
    still: bool = True
    """Still enough to be read."""
    drawn: Drawn | None = None
    """The letter whose drawing ended with this very frame."""
    spent: bool = False
    """The hand still shows how a drawn letter ended, which is no letter of its own."""
    repeated: bool = False
    """A doubled letter's movement ended with this very frame."""


UNTRACKED = Motion()


class Movement:
    """Follows one hand's landmarks from frame to frame.

    Args:
        labels: which letters may be drawn; a model of digits reads none, and its 1 that points here and there is no Z.
    """

    def __init__(self, labels: Collection[str] = ()) -> None:
        self._track = Track()
        self._letters, self._repeats = MovingLetters(labels), Repeats()
        self._end: Points | None = None
        self._rested = False

    def look_for(self, labels: Collection[str]) -> None:
        """Other letters from now on."""
        self._letters.look_for(labels)

    def seen(self, time_s: float, landmarks: NDArray[np.float32] | None) -> Motion:
        """Take in one frame; see ``Track.add``."""
        if not self._track.add(time_s, landmarks):
            return UNTRACKED
        still = is_still(self._track)
        drawn = self._letters.drawn(self._track)
        repeated = self._repeats.ended(self._track, still)
        return Motion(True, still, drawn, self._spent(drawn, still), repeated and drawn is None)

    def _spent(self, drawn: Drawn | None, still: bool) -> bool:
        """From the end of a drawing on, until the hand rests in another shape than it came to rest in then."""
        shape = shape_of(self._track.ago(0.0))
        if drawn is not None:
            self._end, self._rested = shape, False
        if self._end is None or self._track.seen_s == 0:
            self._end = None
            return False
        if still:
            if not self._rested and apart(shape, self._end) <= SETTLES:
                self._end = shape
            self._rested = True
            if apart(shape, self._end) > CHANGED:
                self._end = None
        return self._end is not None
