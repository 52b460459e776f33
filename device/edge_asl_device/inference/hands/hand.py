"""A hand as the landmark model reads it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.inference.hands.region import Region


class Hand(NamedTuple):
    """One reading of one hand in one frame."""

    landmarks: NDArray[np.float32]
    """(21, 2): MediaPipe's points in the frame's pixels, x to the right, y down; some may lie outside the frame."""
    presence: float
    """0 to 1: how sure the model is that its region shows a hand."""
    left: bool
    """Whether it is a left hand; a right one, where the picture is a mirror image."""
    region: Region
    """The part of the frame that was read."""
    pooled: NDArray[np.float32]
    """(1152,): the vector from which the model computes the landmarks, of the region as it was read."""
    smoothed: NDArray[np.float32] | None = None
    """(21, 2): ``landmarks`` for the eye, smoothed over time; None in a picture by itself. Never for the sign network,
    which was trained on readings as they are."""
    company: bool = False
    """Whether another hand is raised as much; False in a picture by itself."""
