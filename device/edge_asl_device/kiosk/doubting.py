"""Why a hand is seen but no letter: it moves, or nothing is probable enough. Pure: time comes with every frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.transcriber import State
from edge_asl_device.web.messages import Doubt

Landmarks = NDArray[np.float32]

SETTLE_S = 0.4
"""How long a doubt lasts before the page says so: forming the next letter takes about as long."""
GUESS_S = 0.8
"""How long a label stays the most probable before it is offered as a guess."""
GUESS_PROBABILITY = 0.35
# The mean speed of the landmarks, in sizes of the hand a second: it moves above the first, and is still again below the
# second. A hand held still trembles by 0.1 to 0.3.
MOVING, STILL = 1.0, 0.5
SPEED_PER_S = 8.0
"""How fast the running mean of the speed forgets."""


class Doubting:
    """Follows one visitor's hand from frame to frame."""

    def __init__(self) -> None:
        self._shown: Doubt | None = None
        self._reason: str | None = None
        self._reason_s = 0.0
        self._best, self._best_s = "", 0.0
        self._speed = _Speed()

    def look(
        self, time_s: float, state: State, landmarks: Landmarks | None, *, seen: bool, present: bool
    ) -> Doubt | None:
        """The doubt to show with a frame; None where a letter is in front, no hand is seen, or it is too early to say.

        Args:
            time_s: monotonic seconds.
            state: what the transcriber made of the frame.
            landmarks: float32 (21, 2), the hand's in pixels of the frame; None where it was not followed.
            seen: whether there is a hand in the frame.
            present: whether there is one, or was a moment ago.
        """
        moving = self._speed.measure(time_s, landmarks)
        self._follow_best(time_s, state.best if seen and state.probability >= GUESS_PROBABILITY else "")
        if state.leading is not None or not present:
            self._shown = self._reason = None
        elif seen:
            self._settle(time_s, "moving" if moving else "unsure")
        return self._shown

    def _follow_best(self, time_s: float, best: str) -> None:
        if best != self._best:
            self._best, self._best_s = best, time_s

    def _settle(self, time_s: float, reason: str) -> None:
        """What is shown changes only to what has lasted: nothing flickers."""
        if reason != self._reason:
            self._reason, self._reason_s = reason, time_s
        if time_s - self._reason_s < SETTLE_S:
            return
        guess = self._best if reason == "unsure" and time_s - self._best_s >= GUESS_S else None
        self._shown = Doubt("moving") if reason == "moving" else Doubt("unsure", guess or None)


class _Speed:
    """Whether the hand moves, by its landmarks: also fingers that form a sign while the palm rests."""

    def __init__(self) -> None:
        self._before: tuple[float, Landmarks] | None = None
        self._speed = 0.0
        self._moving = False

    def measure(self, time_s: float, landmarks: Landmarks | None) -> bool:
        """Whether it moves now; False for a hand that is not followed."""
        before, self._before = self._before, None if landmarks is None else (time_s, landmarks)
        if landmarks is None:
            self._speed, self._moving = 0.0, False
        elif before is not None and time_s > before[0]:
            elapsed_s = time_s - before[0]
            past = math.exp(-elapsed_s * SPEED_PER_S)
            now = float(np.linalg.norm(landmarks - before[1], axis=1).mean()) / _size(landmarks) / elapsed_s
            self._speed = past * self._speed + (1 - past) * now
            self._moving = self._speed > (STILL if self._moving else MOVING)
        return self._moving


def _size(landmarks: Landmarks) -> float:
    """The longer side of the box around them, in pixels."""
    return max(1.0, float(np.ptp(landmarks, axis=0).max()))
