"""A data set and its split, as the rest of the program sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.preprocess import Box

Frame = NDArray[np.uint8]
"""RGB, uint8, (height, width, 3), upright."""


class Picture(NamedTuple):
    """One labelled picture."""

    path: str
    """Relative to the data folder, with forward slashes; a row of a CSV file is ``train.csv#17``. Unique."""
    label: str
    """Normalised: ``A``…``Z``, ``0``…``9``, ``space``, ``del``, ``nothing``, or a user's own word."""
    signer: str | None = None
    """Who shows it; None if the data do not say."""
    block: int | None = None
    """The number in the file name: neighbouring pictures were shot in the same room and second."""
    box: Box | None = None
    """Where the hand is; None if no box was drawn."""
    burst: str | None = None
    """Pictures of the same shot (augmented copies) share it and stay in one part of a split."""


class Dataset(NamedTuple):
    """A data folder that has been read."""

    root: Path
    layout: str
    """``folders``, ``flat``, ``csv`` or ``yolo``."""
    labels: tuple[str, ...]
    """Class names in the order of the model's outputs: digits, letters, then words, each sorted."""
    pictures: tuple[Picture, ...]
    """Sorted by path."""
    digest: str
    """SHA-256 over every picture's path, label, signer, box and content."""
    load: Callable[[Picture], Frame]
    """Read one picture, uncropped."""


class Split(NamedTuple):
    """Which pictures are for training, validation and test."""

    method: str
    """``signer``, ``block``, ``fraction``, ``counts``, ``given``."""
    seed: int
    data_digest: str
    parts: Mapping[str, tuple[str, ...]]
    """``train``, ``validation``, ``test`` → picture paths, sorted, disjoint."""
    shares_people: bool
    """True if one person may be in several parts: accuracy then says less, and the report says so."""
