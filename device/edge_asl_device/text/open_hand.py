"""A hand that is held open with all fingers apart: no letter, and so a button for whoever cannot reach the screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.track import INDEX, KNUCKLES, MIDDLE, RING, WRIST, straightness

HELD_S = 1.5
"""Longer than any letter needs."""
GAP_S = 0.3
"""A moment in which it looks otherwise is forgiven."""
STALL_S = 1.0
"""Without a frame for longer, nobody knows that it was held."""

# Of the 6,511 pictures of letters that models/letters was trained on, 14 look like this, seven of them a B. Of open
# hands there are too few to tell: of the 54 called Nothing, which show fists and arms, too, it is 22.
STRAIGHT = 0.93
APART = 0.22
THUMB_AWAY = 0.5
RAISED = 1.35
"""The three in palms: between neighbouring finger tips, from the thumb's tip to the index knuckle, wrist to tips."""

THUMB_TIP, TIPS = 4, (8, 12, 16, 20)


def is_open(landmarks: NDArray[np.float32]) -> bool:
    """Whether a hand, float32 (21, 2) in pixels, is held up open with all fingers apart."""
    points = landmarks.astype(np.float64)
    palm = float(np.linalg.norm(points[KNUCKLES, :] - points[WRIST], axis=1).max())
    if palm <= 0:
        return False
    tips = points[TIPS, :]
    apart = np.linalg.norm(np.diff(tips, axis=0), axis=1).min() / palm
    thumb = np.linalg.norm(points[THUMB_TIP] - points[INDEX]) / palm
    raised = np.linalg.norm(tips - points[WRIST], axis=1).min() / palm
    upright = points[[MIDDLE, RING], 1].mean() < points[WRIST, 1]
    straight = straightness(points[None]).min()
    return bool(straight > STRAIGHT and apart > APART and thumb > THUMB_AWAY and raised > RAISED and upright)


class OpenHand:
    """For how long it has been held; once that was long enough, it must be let go before it counts again."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._last_s = 0.0
        self._spent = False
        self.held = 0.0
        """Share of the time that it must be held, 0 to 1."""

    def seen(self, time_s: float, *, is_open: bool) -> bool:
        """Take in one frame; whether with this very frame it was held long enough."""
        if self._since_s is not None and not 0 <= time_s - self._last_s <= (STALL_S if is_open else GAP_S):
            self._since_s, self._spent = None, False
        if is_open:
            self._since_s = time_s if self._since_s is None else self._since_s
            self._last_s = time_s
        since_s = time_s if self._since_s is None or self._spent else self._since_s
        self.held = min(1.0, (time_s - since_s) / HELD_S)
        if self.held < 1:
            return False
        self._spent, self.held = True, 0.0
        return True
