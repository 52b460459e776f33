"""What the hand stage read of a data set's pictures: made once, kept, and all that the sign network is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.hand_features import inner_features, shape_features
from edge_asl_device.contract.hand_points import POINTS, POOLED
from edge_asl_device.files import replacing_file

DEVICE_VIEWS = (0, 1)
"""What a device reads of a picture by itself, and takes the mean of."""


class Readings(NamedTuple):
    """N pictures, each read V times. A device reads views 0 and 1; the others are read from disturbed regions."""

    found: NDArray[np.bool_]
    """(N,): where no hand was found, the other arrays hold zeros."""
    square: NDArray[np.int32]
    """(N, 3): left edge, top edge and side of the square around the hand in the frame."""
    conditions: NDArray[np.float32]
    """(N, 4): size, side, lightness of the skin and of the room (``evaluation/conditions.py``); NaN: unknown."""
    mirrored: NDArray[np.bool_]
    """(N, V): read as a left hand."""
    landmarks: NDArray[np.float32]
    """(N, V, 21, 2), in the frame's pixels."""
    angle: NDArray[np.float32]
    """(N, V): the region's turn, radians."""
    pooled: NDArray[np.float16]
    """(N, V, 1152)."""

    def features(
        self,
        rows: NDArray[np.int64],
        view: NDArray[np.int64] | int = 0,
        landmarks: NDArray[np.float32] | None = None,
        turned: NDArray[np.float32] | float = 0.0,
    ) -> NDArray[np.float32]:
        """The features of some pictures, float32 (n, ``FEATURES``), as a device computes them.

        Args:
            rows: int (n,).
            view: int (n,) or one for all.
            landmarks: float32 (n, 21, 2) instead of those read, moved as training likes.
            turned: radians by which these were turned.
        """
        points = self.landmarks[rows, view] if landmarks is None else landmarks
        shape = shape_features(points.astype(np.float32), self.mirrored[rows, view])
        angle = (self.angle[rows, view] + turned).astype(np.float32)
        return np.concatenate([shape, inner_features(angle, self.pooled[rows, view].astype(np.float32))], axis=1)

    def some(self, rows: NDArray[np.int64]) -> Readings:
        """Pictures ``rows`` (n,)."""
        return Readings(**{name: array[rows] for name, array in self._asdict().items()})

    def put(self, rows: NDArray[np.int64], part: Readings) -> None:
        """Fill in pictures ``rows`` (n,)."""
        for name, array in part._asdict().items():
            self._asdict()[name][rows] = array

    def picked(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Readings:
        """Pictures ``rows`` (n,), and of each its ``views`` (n, v)."""
        every = self._asdict()
        of_views = {name: every.pop(name)[rows[:, None], views] for name in _OF_VIEWS}
        return Readings(**of_views, **{name: array[rows] for name, array in every.items()})


_OF_VIEWS = ("mirrored", "landmarks", "angle", "pooled")


def empty_readings(pictures: int, views: int) -> Readings:
    """Readings in which no hand is found, to be filled in."""
    n = (pictures, views)
    return Readings(
        np.zeros(pictures, bool),
        np.zeros((pictures, 3), np.int32),
        np.full((pictures, 4), np.nan, np.float32),
        np.zeros(n, bool),
        np.zeros((*n, POINTS, 2), np.float32),
        np.zeros(n, np.float32),
        np.zeros((*n, POOLED), np.float16),
    )


def joined(first: Readings, second: Readings) -> Readings:
    """One after the other; where one has fewer views, these are repeated."""
    most = max(one.angle.shape[1] for one in (first, second))
    both = []
    for one in (first, second):
        n, views = one.angle.shape
        both.append(one.picked(np.arange(n), np.tile(np.arange(most) % views, (n, 1))))
    return Readings(*map(np.concatenate, zip(*both, strict=True)))


def save_readings(path: Path, readings: Readings) -> None:
    """Write them to ``path`` (.npz), completely or not at all."""
    with replacing_file(path) as beside, beside.open("wb") as file:
        np.savez(file, **readings._asdict())


def load_readings(path: Path) -> Readings:
    """What ``save_readings`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    # Working folders of before have no conditions: the figures then lack some rows, and nothing is read again.
    arrays.setdefault("conditions", np.full((len(arrays["found"]), 4), np.nan, np.float32))
    return Readings(**arrays)
