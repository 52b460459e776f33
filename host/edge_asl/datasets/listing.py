"""What a reader finds in a data folder before reading any content, and the folder walk that all readers share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.encoded import Encoded
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError
from edge_asl_device.contract.pictures import SUFFIXES

Severity = Literal["error", "warning", "note"]

# Left by file managers, unpackers and this program; never the user's own.
_IGNORED = frozenset(
    {"thumbs.db", "desktop.ini", "__macosx", "license", "license.txt", "provenance.json", "sha256sums"}
)
_DEEPEST = 6  # folders below the root; anything deeper is a loop of symbolic links or a home folder

_TRAILING_NUMBER = re.compile(r"\d+$")
# Roboflow writes every augmented copy of A0.jpg as A0_jpg.rf.<hash>.jpg.
_ROBOFLOW = re.compile(r"(.+)_(?:jpe?g|png|bmp|webp)\.rf\.[^.]*", re.IGNORECASE)


class Issue(NamedTuple):
    """A problem that a reader noticed. An ``error`` stops ``read_dataset``; others only appear in ``data check``."""

    kind: str
    severity: Severity
    path: str
    what: str
    """One clause."""
    fix: str


class Listing(NamedTuple):
    """A data folder's pictures by name, none of them opened yet; or those of several folders."""

    layout: str
    pictures: list[Picture]
    issues: list[Issue]
    pixels: Mapping[str, NDArray[np.uint8]] = {}
    """Layout ``csv`` only: path → uint8 (28, 28), grey."""
    roots: Mapping[str, Path] = {}
    """Source → its folder, or its CSV file."""
    left_out: Mapping[str, int] = {}
    """Label → how many pictures of it were left out."""
    encoded: Mapping[str, Encoded] = {}
    """Layout ``tfrecord`` only: path → where its bytes lie."""


class Folder(NamedTuple):
    """A folder's entries by name, sorted, without hidden and system files."""

    pictures: list[str]
    others: list[str]
    folders: list[str]


def list_folder(folder: Path) -> Folder:
    """Sort a folder's entries by kind; a picture is recognised by its suffix.

    Raises:
        DataError: the folder cannot be read, or a name in it is not UTF-8.
    """
    found = Folder([], [], [])
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.lower() not in _IGNORED:
                    _add_entry(found, entry, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for names in found:
        names.sort()
    return found


def _add_entry(found: Folder, entry: os.DirEntry[str], folder: Path) -> None:
    if not entry.name.isprintable() and max(entry.name) >= "\udc80":
        shown = os.fsencode(entry.name)
        raise DataError(f"{folder}: expected file names in UTF-8, found {shown!r}; rename that file")
    if entry.is_dir():
        found.folders.append(entry.name)
    elif entry.is_file() and os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - 10⁵ names
        found.pictures.append(entry.name)
    else:
        found.others.append(entry.name)


def walk(folder: Path, prefix: str) -> Iterator[tuple[str, bool]]:
    """Every file below ``folder``: its path under ``prefix``, and whether its suffix is a picture's."""
    here = list_folder(folder)
    yield from ((prefix + name, True) for name in here.pictures)
    yield from ((prefix + name, False) for name in here.others)
    for name in here.folders:
        if prefix.count("/") < _DEEPEST:
            yield from walk(folder / name, f"{prefix}{name}/")


def stem_of(path: str) -> str:
    """A path's last part without its suffix: ``A/IMG_12.JPG`` → ``IMG_12``."""
    return path.rpartition("/")[2].rpartition(".")[0]


def shot_of(stem: str) -> str | None:
    """The photo that this is an augmented copy of, by Roboflow's naming; None for other names."""
    match = _ROBOFLOW.fullmatch(stem)
    return match[1] if match else None


def number_of(stem: str) -> int | None:
    """The number at the end of a file name: ``A12`` → 12, ``IMG_1118`` → 1118."""
    match = _TRAILING_NUMBER.search(shot_of(stem) or stem)
    return int(match[0]) if match else None


def series_of(stem: str) -> str:
    """What comes before that number; numbers are comparable only within one series (``N12``, ``Nothingc12``)."""
    return _TRAILING_NUMBER.sub("", shot_of(stem) or stem)
