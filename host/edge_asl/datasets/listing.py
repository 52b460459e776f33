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
from edge_asl.datasets.litter import is_litter
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError
from edge_asl_device.contract.pictures import SUFFIXES

Severity = Literal["error", "warning", "note"]

_DEEPEST = 6  # folders below the root; anything deeper is a loop of symbolic links or a home folder

# Pictures in other formats, films and archives: of these a user expects that they count.
_CONVERT, _TAKE_OUT = "convert it to JPEG or PNG", "take single pictures out of the film"
_REMEDIES = {
    **dict.fromkeys((".gif", ".avif", ".jxl", ".jp2", ".j2k", ".psd", ".svg", ".ppm", ".pgm", ".tga"), _CONVERT),
    **dict.fromkeys((".exr", ".hdr", ".ico", ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf"), _CONVERT),
    **dict.fromkeys((".rw2", ".raf", ".pef", ".srw", ".raw"), _CONVERT),
    **dict.fromkeys((".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".3gp"), _TAKE_OUT),
    **dict.fromkeys((".mpg", ".mpeg", ".mts", ".wmv"), _TAKE_OUT),
    **dict.fromkeys((".zip", ".rar", ".7z", ".tar", ".gz"), "unpack it"),
    **dict.fromkeys((".npy", ".npz"), "write its pictures as JPEG or PNG"),
    **dict.fromkeys((".icloud", ".crdownload", ".part", ".partial", ".download"), "finish its download"),
}

_TRAILING_NUMBER = re.compile(r"\d+$")
# Roboflow writes every augmented copy of A0.jpg as A0_jpg.rf.<hash>.jpg.
_ROBOFLOW = re.compile(r"(.+)_(?:jpe?g|png|bmp|webp)\.rf\.[^.]*", re.IGNORECASE)


class Issue(NamedTuple):
    """Something that a reader noticed. An ``error`` stops ``read_dataset``; of others ``remarks`` makes lines."""

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
    """A folder's entries by name, sorted."""

    pictures: list[str]
    others: list[str]
    folders: list[str]
    litter: list[str]
    """Of what systems and tools leave and what is hidden, the folders and pictures that are therefore not read."""
    broken: list[str]
    """Links to something that is not there."""


def list_folder(folder: Path) -> Folder:
    """Sort a folder's entries by kind; a picture is recognised by its suffix.

    Raises:
        DataError: the folder cannot be read, or a name in it is not UTF-8.
    """
    found = Folder([], [], [], [], [])
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                _add_entry(found, entry, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for names in found:
        names.sort()
    return found


def _add_entry(found: Folder, entry: os.DirEntry[str], folder: Path) -> None:
    name = entry.name
    if not name.isprintable() and any("\ud800" <= c <= "\udfff" for c in name):
        raise DataError(f"{folder}: expected file names in UTF-8, found {os.fsencode(name)!r}; rename that file")
    is_folder = entry.is_dir()
    is_picture = not is_folder and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - 10⁵ names
    if name.startswith("."):
        if name.endswith(".icloud"):
            found.others.append(name)  # stands for a picture that is only in Apple's cloud
        # ._A1.jpg is no picture but what macOS knows of one.
        elif is_folder or (is_picture and not name.startswith("._")):
            found.litter.append(name)
    elif is_litter(name, folder=is_folder):
        if is_folder or is_picture:
            found.litter.append(name)
    elif is_folder:
        found.folders.append(name)
    elif is_picture and entry.is_file():
        found.pictures.append(name)
    elif entry.is_symlink() and not entry.is_file():
        found.broken.append(name)
    else:
        found.others.append(name)


Kind = Literal["picture", "other", "litter", "broken", "deeper", "loop"]


def walk(folder: Path, prefix: str) -> Iterator[tuple[str, Kind]]:
    """Every file below ``folder``: its path under ``prefix``, and whether its suffix is a picture's; and litter.

    So are links to nothing, and the folders that are not looked into: too deep, or a link to a folder around it.
    """
    here = list_folder(folder)
    yield from ((prefix + name, "picture") for name in here.pictures)
    yield from ((prefix + name, "other") for name in here.others)
    yield from ((prefix + name, "litter") for name in here.litter)
    yield from ((prefix + name, "broken") for name in here.broken)
    for name in here.folders:
        if _goes_round(folder / name):
            yield prefix + name, "loop"
        elif prefix.count("/") < _DEEPEST:
            yield from walk(folder / name, f"{prefix}{name}/")
        else:
            yield prefix + name, "deeper"


def _goes_round(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in."""
    if not folder.is_symlink():
        return False
    around, aim = folder.parent.resolve(), folder.resolve()
    return aim == around or aim in around.parents


_SKIPPED: dict[Kind, tuple[Severity, str, str]] = {
    "litter": ("note", "left by a system or tool, or hidden; skipped", "remove it, or rename it if it is yours"),
    "broken": ("warning", "a link to something that is not there; skipped", "copy what it meant here, or remove it"),
    "deeper": ("warning", f"a folder more than {_DEEPEST} levels down; not looked into", "move its pictures up"),
    "loop": ("warning", "a link to a folder around it; not followed", "remove it"),
}


def skipped(path: str, kind: Kind) -> Issue:
    """What to say of what is not read."""
    if kind in _SKIPPED:
        return Issue(kind, _SKIPPED[kind][0], path, *_SKIPPED[kind][1:])
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if remedy := _REMEDIES.get(suffix):
        return Issue(f"unread{suffix}", "warning", path, f"{suffix} is not read; skipped", remedy)
    if not suffix:
        what, remedy = (
            "its name has no suffix such as .jpg; skipped",
            "add it if it is a picture, else move it elsewhere",
        )
        return Issue("no-suffix", "warning", path, what, remedy)
    return Issue("not-a-picture", "warning", path, "not a picture; skipped", "move it elsewhere")


def is_unread(name: str) -> bool:
    """Whether a file is a picture, a film or an archive of a kind that is not read, by its suffix."""
    return os.path.splitext(name)[1].lower() in _REMEDIES  # noqa: PTH122


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
