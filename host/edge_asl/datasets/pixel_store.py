"""Every picture decoded, cropped and resized once, as the device would, and stored in one file.

Training reads pictures many times in random order; decoding a JPEG costs more than reading 48 KB. Records are read
with ``pread``, so that memory holds a batch and not the file: a memory map of 100,000 pictures would count as 15 GB
of resident memory once it was read.
"""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.broken import Broken
from edge_asl.datasets.disk_space import require_space
from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.errors import DataError
from edge_asl.progress import Advance
from edge_asl_device.contract.manifest import Input
from edge_asl_device.contract.preprocess import Square, resize, square_around
from edge_asl_device.files import replacing_file
from edge_asl_device.inference.locator import locator_for

_AHEAD = 256  # decoded pictures in flight: bounds memory at 256 × 150 KB


def square_of(frame: Frame, picture: Picture, spec: Input) -> Square:
    """Where the hand is: around its labelled box, or where the bundle's locator finds it.

    Raises:
        DataError: the locator finds no hand.
    """
    if picture.box is not None:
        return square_around(picture.box, frame.shape[0], frame.shape[1], spec.margin)
    found = locator_for(spec).locate(frame)
    if found is None:
        raise DataError(f"{picture.path}: no hand found in this picture; add a box for it, or remove it")
    return found


def model_picture(frame: Frame, picture: Picture, spec: Input) -> Frame:
    """What the model sees of ``frame``, short of the final shift: RGB uint8 (H, W, 3)."""
    return resize(square_of(frame, picture, spec).cut(frame), spec)


def write_pixel_store(dataset: Dataset, spec: Input, target: Path, advance: Advance) -> None:
    """Write all pictures of ``dataset``, in its order, to ``target``: uint8 (N, H, W, 3), row-major, no header.

    Raises:
        DataError: not enough disk space.
        PictureError: a picture cannot be read.
    """
    for left in target.parent.glob(f".*.tmp.{target.name}"):
        left.unlink()  # by a build that was killed
    total = len(dataset.pictures)
    needed = total * spec.height * spec.width * 3
    broken = Broken(dataset)

    def prepare(picture: Picture) -> Frame | None:
        frame = broken.load(picture)
        return None if frame is None or broken else model_picture(frame, picture, spec)

    require_space(target.parent, needed, f"{total} decoded pictures", "free some space or choose another --out")
    with (
        replacing_file(target) as beside,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        beside.open("wb") as file,
    ):
        for start in range(0, total, _AHEAD):
            chunk = dataset.pictures[start : start + _AHEAD]
            for done, picture in enumerate(pool.map(prepare, chunk), start + 1):
                if picture is not None:
                    file.write(np.ascontiguousarray(picture).data)
                advance(done)
        broken.complain()


class PixelStore:
    """A file that ``write_pixel_store`` wrote; a context manager."""

    def __init__(self, path: Path, dataset: Dataset, spec: Input) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.shape = (spec.height, spec.width, 3)
        """One picture's (H, W, 3)."""
        self._bytes = spec.height * spec.width * 3
        order = {label: i for i, label in enumerate(dataset.labels)}
        self.rows = {picture.path: i for i, picture in enumerate(dataset.pictures)}
        self.classes = np.array([order[p.label] for p in dataset.pictures], np.int32)
        """int32 (N,): each row's class."""

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """RGB uint8 (len(rows), H, W, 3)."""
        pictures = np.empty((len(rows), *self.shape), np.uint8)
        for picture, row in zip(pictures, rows, strict=True):
            os.preadv(self._descriptor, [picture.data], int(row) * self._bytes)
        return pictures

    def rows_of(self, paths: Sequence[str]) -> NDArray[np.int64]:
        """int64 (len(paths),): the rows of these pictures."""
        return np.array([self.rows[path] for path in paths], np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._descriptor)
