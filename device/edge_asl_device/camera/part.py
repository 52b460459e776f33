"""A part of a camera's pictures instead of all: for one that hangs far away, or sees what is none of its business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import Allocate, Camera, Frame, new_picture

SMALLEST = 32
"""Pixels; of a smaller part nothing can be read."""


class Part(NamedTuple):
    """A part of a frame in per cent; what reaches beyond the frame is left out."""

    x: float
    """Left edge, of the frame's width."""
    y: float
    """Top edge, of its height."""
    width: float
    """Of the frame's width; 0: as wide as high, in pixels."""
    height: float
    """Of the frame's height."""

    @classmethod
    def zoomed(cls, factor: float) -> Part:
        """The middle of the frame, ``factor`` times as large."""
        share = 100 / factor
        return cls((100 - share) / 2, (100 - share) / 2, share, share)

    @classmethod
    def square(cls, x: float, y: float, side: float) -> Part:
        """A square by its top left corner; the side in per cent of the frame's height."""
        return cls(x, y, 0, side)

    @classmethod
    def parse(cls, text: str) -> Part | None:
        """What ``str`` gave; None of an empty text."""
        return cls(*map(float, text.split(","))) if text else None

    def __str__(self) -> str:
        return ",".join(f"{number:g}" for number in self)

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Its pixels of RGB uint8 (h, w, 3), a view."""
        h, w = picture.shape[:2]
        height = max(SMALLEST, round(self.height * h / 100))
        width = max(SMALLEST, round(self.width * w / 100)) if self.width else height
        x, y = (min(round(at * side / 100), max(0, side - SMALLEST)) for at, side in ((self.x, w), (self.y, h)))
        return picture[y : y + height, x : x + width]


class CutCamera:
    """A camera of which only a part is delivered; a context manager."""

    def __init__(self, camera: Camera, part: Part) -> None:
        self._camera, self._part = camera, part

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """See ``Camera``; each frame is copied once more."""
        for frame in self._camera.frames():
            part = self._part.cut(frame.picture)
            picture = allocate(*part.shape[:2])
            np.copyto(picture, part)
            yield Frame(frame.time_s, picture)

    def __enter__(self) -> Self:
        self._camera.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._camera.__exit__(*exception)
