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
    """Relative to the data folder, with forward slashes; a row of a CSV file is ``train.csv#17``. Where there are
    several data folders it begins with the name of one: ``letters/A/A0.jpg``. Unique."""
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
    source: str = ""
    """The name of the data folder that it comes from."""


class Dataset(NamedTuple):
    """The data folders that have been read, as one."""

    name: str
    """For messages: the folder's path, or the names of several."""
    layout: str
    """``folders``, ``people``, ``flat``, ``csv``, ``yolo`` or ``tfrecord``; of several folders ``folders + yolo``."""
    labels: tuple[str, ...]
    """Class names in the order of the model's outputs: digits, letters, then words, each sorted."""
    pictures: tuple[Picture, ...]
    """Sorted by path."""
    digest: str
    """SHA-256 over every picture's path, label, signer, box and content."""
    load: Callable[[Picture], Frame]
    """Read one picture, uncropped."""
    roots: Mapping[str, Path] = {}
    """Source → its folder, or its CSV file."""
    left_out: Mapping[str, int] = {}
    """Label → how many pictures of it were left out, as only some labels were asked for."""
    contents: Mapping[str, str] = {}
    """Path → SHA-256 of the picture's file, or of a CSV file's row of pixels."""
    warnings: tuple[str, ...] = ()
    """What is missing or in doubt, a line for each kind; for whoever builds or evaluates, and for reports."""
    notes: tuple[str, ...] = ()
    """What was decided where the data left a choice: classes renamed, files left aside."""

    @property
    def title(self) -> str:
        """The sources' names: ``letters, people``."""
        return ", ".join(self.roots) or self.name

    def file_of(self, picture: Picture) -> Path:
        """Where a picture lies; for a row of a CSV file or a picture in a shard, a path that does not exist."""
        return Path(file_of(picture, self.roots))


def file_of(picture: Picture, roots: Mapping[str, Path]) -> str:
    """The path of a picture's file: a string, because 10⁵ ``Path`` objects take 0.5 s."""
    path = picture.path if len(roots) == 1 else picture.path.removeprefix(f"{picture.source}/")
    return f"{roots[picture.source]}/{path}"


class Split(NamedTuple):
    """Which pictures are for training, validation and test."""

    method: str
    """``signer``, ``block``, ``fraction``, ``counts``, ``first``, ``given`` or ``left-out``; ``all``: no split, all
    pictures test.
    """
    seed: int
    data_digest: str
    parts: Mapping[str, tuple[str, ...]]
    """``train``, ``validation``, ``test`` → picture paths, sorted, disjoint."""
    shares_people: bool
    """True if one person may be in several parts: accuracy then says less, and the report says so."""
