"""Where in a frame to look for the hand: a step of its own between the camera and the classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import Crop, Input
from edge_asl_device.contract.preprocess import Square


class Locator(Protocol):
    """Finds the square that the classifier sees."""

    def locate(self, frame: NDArray[np.uint8]) -> Square | None:
        """The square of RGB uint8 ``frame`` (H, W, 3) that holds the hand; None where no hand is found."""
        ...


class CentreSquare:
    """The largest square in the middle of the frame, whatever it shows: people hold their hand there."""

    def locate(self, frame: NDArray[np.uint8]) -> Square:
        """The centre square of RGB uint8 ``frame`` (H, W, 3)."""
        height, width = frame.shape[:2]
        side = min(height, width)
        return Square((width - side) // 2, (height - side) // 2, side)


LOCATORS: dict[Crop, Callable[[], Locator]] = {Crop.CENTRE_SQUARE: CentreSquare}


def locator_for(spec: Input) -> Locator:
    """The locator that a bundle's crop rule asks for."""
    return LOCATORS[spec.crop]()
