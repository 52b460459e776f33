"""From a frame's square to the input tensor: training, calibration, evaluation and the device all come through here.

Two resizers that are both called bilinear differ by up to 99 grey levels; one function cannot differ from itself.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import Input, Resize

_INTERPOLATION = {Resize.LINEAR: cv2.INTER_LINEAR, Resize.AREA: cv2.INTER_AREA}


class Square(NamedTuple):
    """A square inside a frame, in pixels: left edge, top edge, side."""

    x: int
    y: int
    side: int

    def cut(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Its pixels: RGB uint8 (side, side, 3), a view of ``frame`` (H, W, 3), no copy."""
        return frame[self.y : self.y + self.side, self.x : self.x + self.side]


class Box(NamedTuple):
    """A hand's box in YOLO's order: centre x, centre y, width, height, as fractions of the frame's sides."""

    cx: float
    cy: float
    width: float
    height: float


def square_around(box: Box, height: int, width: int, margin: float) -> Square:
    """The square of ``margin`` × the longer side of a hand's box, moved and if need be shrunk to lie in the frame.

    Nothing is padded: mirrored or repeated borders make second hands.
    """
    longer = max(box.width * width, box.height * height)
    side = max(1, min(round(longer * margin), height, width))
    x = min(max(round(box.cx * width - side / 2), 0), width - side)
    y = min(max(round(box.cy * height - side / 2), 0), height - side)
    return Square(x, y, side)


def resize(picture: NDArray[np.uint8], spec: Input) -> NDArray[np.uint8]:
    """Resize RGB uint8 (h, w, 3) to the model's (H, W, 3) by the bundle's resize rule."""
    if picture.shape[:2] == (spec.height, spec.width):
        return picture
    size = (spec.width, spec.height)
    return cv2.resize(picture, size, interpolation=_INTERPOLATION[spec.resize])  # type: ignore[return-value]


def to_tensor(resized: NDArray[np.uint8]) -> NDArray[np.int8]:
    """RGB uint8 (H, W, 3) to the input tensor int8 (1, H, W, 3): *pixel − 128*, which is *pixel XOR 0x80*.

    Exact, because the contract's input scale is 1/128 and its zero point 0 for a graph fed (pixel − 128) / 128.
    """
    return np.bitwise_xor(resized, 0x80).view(np.int8)[np.newaxis]


def preprocess(hand: NDArray[np.uint8], spec: Input) -> NDArray[np.int8]:
    """Resize and shift: RGB uint8 (s, s, 3), a square of any size, to int8 (1, H, W, 3)."""
    return to_tensor(resize(hand, spec))
