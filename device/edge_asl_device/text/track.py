"""The way of one hand over the last seconds: its 21 landmarks with the time of each frame. Pure, no clock.

Everything is asked for at moments, not at frames, and interpolated between them, so that 10 and 30 frames a second give
the same answers and a missed frame or two leaves no hole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

WRIST = 0
INDEX, MIDDLE, RING, LITTLE = 5, 9, 13, 17
"""The knuckles; the finger's other joints and its tip are the next three landmarks."""
KNUCKLES = (INDEX, MIDDLE, RING, LITTLE)
TO_TIP = 3

KEPT_S = 2.6
"""Longer than anybody takes to draw a letter."""
GAP_S = 0.3
"""A hand that frames did not show for longer is another one."""
SLOWEST_S = 1.0
"""A busy or small computer looks at few frames: up to this far apart they show the same hand."""
STEP_S = 1 / 30
# A hand that is thrown up moves by 13 palms a second; what is faster is another hand.
FASTEST_PER_S = 30.0
# Of the hand's size, in which wrist and knuckles are foreshortened when the hand tips forward.
SIZE_S = 1.0
# At 60 frames a second; a faster camera is followed for less long.
FRAMES = 160


class Track:
    """Landmarks in palms: the longest distance from the wrist to a knuckle, at its median over the last second.

    Positions stay those of the frame (x to the right, y down), divided by that length.
    """

    def __init__(self) -> None:
        # Twice as long as needed: it is copied to the front only when its end is reached.
        self._times = np.zeros(2 * FRAMES)
        self._points = np.zeros((2 * FRAMES, 21, 2))
        self._sizes = np.zeros(2 * FRAMES)
        self._first = self._end = 0
        self._missed = False
        self.palm = 1.0
        """Pixels that a palm is long."""

    @property
    def now_s(self) -> float:
        """The time of the last landmarks."""
        return float(self._times[self._end - 1])

    @property
    def seen_s(self) -> float:
        """For how long the hand has been followed; 0 where there is none."""
        return self.now_s - float(self._times[self._first]) if self._end > self._first else 0.0

    def add(self, time_s: float, landmarks: NDArray[np.float32] | None) -> bool:
        """Take in what one frame showed.

        Args:
            time_s: of the frame, monotonic seconds; one that is not later than the last starts over.
            landmarks: float32 (21, 2), pixels of the frame; None where no hand was found.

        Returns:
            Whether there are landmarks of this very frame.
        """
        if self._end > self._first and not 0 < time_s - self.now_s <= (GAP_S if self._missed else SLOWEST_S):
            self.clear()
        self._missed = landmarks is None or not bool(np.isfinite(landmarks).all())
        if landmarks is None or self._missed:
            return False
        points = landmarks.astype(np.float64)
        size = float(np.linalg.norm(points[KNUCKLES, :] - points[WRIST], axis=1).max())
        if size <= 0:
            return False
        if self._end > self._first and self._jumped(time_s, points, size):
            self.clear()
        self._append(time_s, points, size)
        return True

    def clear(self) -> None:
        """Forget the hand."""
        self._first = self._end

    def _jumped(self, time_s: float, points: Points, size: float) -> bool:
        moved = np.hypot(*(points - self._points[self._end - 1]).mean(axis=0)) / size
        return bool(moved > FASTEST_PER_S * (time_s - self.now_s))

    def _append(self, time_s: float, points: Points, size: float) -> None:
        self._first = max(self._first, self._end - FRAMES + 1)
        if self._end == 2 * FRAMES:
            for kept in (self._times, self._points, self._sizes):
                kept[: self._end - self._first] = kept[self._first : self._end].copy()
            self._first, self._end = 0, self._end - self._first
        self._times[self._end], self._points[self._end], self._sizes[self._end] = time_s, points, size
        self._end += 1
        self._first += int(np.searchsorted(self._times[self._first : self._end], time_s - KEPT_S))
        recent = np.searchsorted(self._times[self._first : self._end], time_s - SIZE_S)
        self.palm = float(np.median(self._sizes[self._first + int(recent) : self._end]))

    def ago(self, seconds: float) -> Points:
        """The landmarks (21, 2), palms, so long before the last frame; the oldest where it was not yet seen then."""
        then: Points = self._at(np.array([self.now_s - seconds]))[0]
        return then

    def since(self, start_s: float) -> Points:
        """The landmarks at every thirtieth of a second from one moment to the last frame: (n, 21, 2), palms."""
        steps = max(1, round((self.now_s - start_s) / STEP_S) + 1)
        return self._at(self.now_s - STEP_S * np.arange(steps)[::-1])

    def reach(self, landmark: int) -> float:
        """How many palms lie between the ends of all that one landmark has gone through, in x and in y, the longer."""
        return float(np.ptp(self._points[self._first : self._end, landmark], axis=0).max()) / self.palm

    def _at(self, wanted: NDArray[np.float64]) -> Points:
        times = self._times[self._first : self._end]
        points = self._points[self._first : self._end]
        after = np.searchsorted(times, wanted).clip(0, len(times) - 1)
        before = (after - 1).clip(0)
        span = times[after] - times[before]
        share = ((wanted - times[before]) / np.where(span > 0, span, 1.0)).clip(0.0, 1.0)[:, np.newaxis, np.newaxis]
        return (points[before] * (1 - share) + points[after] * share) / self.palm  # type: ignore[no-any-return]


def shape_of(points: Points) -> Points:
    """The hand (21, 2) without its place: minus its middle."""
    return points - points.mean(axis=0)  # type: ignore[no-any-return]


def apart(one: Points, other: Points) -> float:
    """How far landmarks (21, 2) lie from others: root mean square, in their unit."""
    return float(np.sqrt(((one - other) ** 2).sum(axis=-1).mean()))


def straightness(points: Points) -> Points:
    """How straight the four fingers are: (n, 4) of (n, 21, 2), index to little finger, 1 straight, 0.2 in a fist.

    The way from knuckle to tip, as a share of the three bones' lengths, which a hand seen from any side keeps.
    """
    joints = points[:, INDEX:].reshape(-1, 4, 4, 2)
    bones = np.linalg.norm(np.diff(joints, axis=2), axis=3).sum(axis=2)
    direct = np.linalg.norm(joints[:, :, TO_TIP] - joints[:, :, 0], axis=2)
    return direct / np.maximum(bones, 1e-6)  # type: ignore[no-any-return]
