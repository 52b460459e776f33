"""A folder of pictures as camera: each is shown for a second, in the order of names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from edge_asl_device.camera import Allocate, Frame, new_picture
from edge_asl_device.camera.pace import Pace
from edge_asl_device.contract.pictures import list_pictures, read_picture

FPS = 10
SHOWN_S = 1.0
"""Longer than any letter is held."""


class Folder:
    """The pictures below a folder, ``SHOWN_S`` each at ``FPS``; a context manager.

    Args:
        path: a folder of pictures.
        paced: in real time; else as fast as they can be decoded.
        loop: starts again after the last.

    Raises:
        PictureError: no folder, no picture in it, or one that cannot be read.
    """

    def __init__(self, path: Path, *, paced: bool = False, loop: bool = False) -> None:
        self._paths = list_pictures(path)
        self._paced, self._loop = paced, loop

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Every picture ``FPS`` × ``SHOWN_S`` times."""
        pace = Pace(1 / FPS, self._paced)
        while True:
            for path in self._paths:
                picture = read_picture(path)
                for _ in range(round(FPS * SHOWN_S)):
                    shown = allocate(*picture.shape[:2])
                    np.copyto(shown, picture)
                    yield Frame(pace.next(), shown)
            if not self._loop:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...
