"""The movement of a doubled letter: the held hand slides aside, or bounces out and back. Pure, no clock."""

from __future__ import annotations

import numpy as np

from edge_asl_device.text.track import KNUCKLES, WRIST, Points, Track, apart, shape_of

# Palms. A hand is 0.9 palms wide; a doubled letter moves it by a third of that or more, a tremor by 0.02.
SLIDE = 0.35
BOUNCE = 0.25
# Seconds from still to still. A hand that waves goes to and fro for longer.
LONGEST_S = 1.2
STILL_S = 0.07
# The way of a bounce is out and back, twice as long as it goes far; that of a wave is more.
WANDER = 1.35
# Root mean square, palms: what differs by more is another letter.
SAME = 0.25


class Repeats:
    """Notices that a hand has moved as a doubled letter is signed, and stopped; once each."""

    def __init__(self) -> None:
        self._left_s = float("inf")
        self._rest: Points | None = None
        self._still_s: float | None = None

    def ended(self, track: Track, still: bool) -> bool:
        """Take in whether the hand is ``still`` now; True once, when such a movement has ended."""
        if not still:
            self._still_s = None
            return False
        self._still_s = track.now_s if self._still_s is None else self._still_s
        if track.now_s - self._still_s < STILL_S:
            return False
        rest, left_s = self._rest, self._left_s
        self._rest, self._left_s = track.ago(0.0), track.now_s
        moved_s = self._still_s - left_s
        if rest is None or not 0 < moved_s <= LONGEST_S or moved_s > track.seen_s:
            return False
        if apart(shape_of(rest), shape_of(self._rest)) > SAME:
            return False
        return _is_repeat(_middle(track.since(left_s)))


def _middle(points: Points) -> Points:
    """The middle of the palm, x to the right and y up: (n, 2)."""
    return points[:, (WRIST, *KNUCKLES)].mean(axis=1) * (1, -1)  # type: ignore[no-any-return]


def _is_repeat(way: Points) -> bool:
    """Whether a way (n, 2) in palms is a slide or a bounce."""
    far = np.linalg.norm(way - way[0], axis=1)
    out, stayed = float(far.max()), float(far[-1])
    length = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
    aside, up = np.abs(way[-1] - way[0])
    slid = aside >= SLIDE and aside > up and length <= WANDER * stayed
    bounced = out >= BOUNCE and stayed <= out / 2 and length <= WANDER * 2 * out
    return bool(slid or bounced)
