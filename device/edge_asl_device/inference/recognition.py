"""What was seen in one frame."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.preprocess import Square


class Recognition(NamedTuple):
    """What was seen in one frame, and how long each stage took."""

    square: Square | None
    """Where the hand is; None where no hand was found."""
    hand: NDArray[np.uint8] | None
    """RGB uint8 (s, s, 3): the square's pixels, a view of the frame."""
    probabilities: NDArray[np.float32]
    """float32 (classes,), 0 to 255/256, in the order of the bundle's labels. Where no hand was found all are 0, or
    ``nothing`` is 1 if that is one of the labels."""
    stages: dict[str, float]
    """Stage → seconds, in order."""
    landmarks: NDArray[np.float32] | None = None
    """float32 (21, 2): the hand's points in the frame's pixels, x to the right, y down; None without a hand stage."""
    shown: NDArray[np.float32] | None = None
    """The same for the eye, smoothed over time; None in a picture by itself."""
    left: bool = False
    """Whether it looks like a left hand; only with landmarks."""
    company: bool = False
    """Whether another hand is raised as much; only in live frames."""


class Stages(Protocol):
    """The stages between a frame and the probabilities of its sign."""

    def recognise(
        self, frame: NDArray[np.uint8], known: Square | None = None, time_s: float | None = None
    ) -> Recognition:
        """See ``Recogniser.recognise``."""
        ...
