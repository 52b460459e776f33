"""Why a hand is not read, in one word, and so what the visitor can do about it. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.web.messages import Reason

FAR = 0.2
"""A hand whose extent is below this share of the frame's shorter side is read badly (docs/limits.md)."""
OUTSIDE = 3
"""Of 21 landmarks: the model also guesses where those are that it cannot see, and one or two slip over an edge."""


def obstacle(landmarks: NDArray[np.float32] | None, height: int, width: int, *, company: bool, still: bool) -> Reason:
    """What keeps a hand that is seen from being read; the first thing to change comes first.

    Args:
        landmarks: float32 (21, 2), pixels, x to the right, y down; None where no hand stage follows the hand.
        height, width: of the frame.
        company: whether another hand is raised as much.
        still: whether the hand is still enough to be read.
    """
    if landmarks is not None:
        outside = (landmarks < 0).any(axis=1) | (landmarks >= (width, height)).any(axis=1)
        if outside.sum() >= OUTSIDE:
            return "cut-off"
        if float(np.ptp(landmarks, axis=0).max()) < FAR * min(height, width):
            return "far"
    if company:
        return "two-hands"
    return "unsure" if still else "moving"
