"""Hands that somebody else has measured: files of landmarks without pictures, for training by shape."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.labels import normalise_label
from edge_asl.errors import DataError
from edge_asl_device.contract.hand_points import POINTS


class MeasuredHands(NamedTuple):
    """n hands of some files."""

    landmarks: NDArray[np.float32]
    """(n, 21, 2), MediaPipe's points in any unit, x to the right and y down."""
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    """The name of the file that each comes from."""
    content: bytes
    """Stands for all of it in a digest."""


NO_HANDS = MeasuredHands(np.zeros((0, POINTS, 2), np.float32), (), (), b"")


def read_landmark_files(paths: Sequence[Path]) -> MeasuredHands:
    """Read ``.npz`` files with ``landmarks`` (n, 21, 2) and ``label`` (n,); a folder stands for the files in it.

    Raises:
        DataError: a file cannot be read or holds something else.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.npz")) if path.is_dir() else [path])]
    for path in paths:
        if path.is_dir() and not any(path.glob("*.npz")):
            raise DataError(f"{path}: no .npz file in this folder; name files of landmarks")
    found = [_read(file) for file in files]
    return MeasuredHands(
        np.concatenate([np.zeros((0, POINTS, 2), np.float32), *(landmarks for landmarks, _ in found)]),
        tuple(label for _, labels in found for label in labels),
        tuple(file.stem for file, (_, labels) in zip(files, found, strict=True) for _ in labels),
        b"".join(landmarks.tobytes() + repr(labels).encode() for landmarks, labels in found),
    )


def _read(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            landmarks, labels = file["landmarks"].astype(np.float32), [str(label) for label in file["label"]]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected an .npz file with landmarks and label, found {error}") from error
    if landmarks.shape != (len(labels), POINTS, 2) or not np.isfinite(landmarks).all():
        raise DataError(f"{path}: expected finite landmarks ({len(labels)}, {POINTS}, 2), found {landmarks.shape}")
    return landmarks, [normalise_label(label, str(path)) for label in labels]
