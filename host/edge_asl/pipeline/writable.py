"""Trying, before hours of work, that what they end with can be written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edge_asl.errors import DataError


def check_writable(folder: Path, option: str) -> None:
    """Write a file in a new folder, in ``folder`` or the nearest one above it that exists, and remove both.

    Permission bits do not tell of read-only disks. The name is new, so that processes do not disturb each other.

    Raises:
        DataError: it cannot be done; ``option`` is what chooses another place.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".edge-asl-") as made:
            Path(made, "trial").write_bytes(bytes(4096))
    except OSError as error:
        raise DataError(f"{there}: cannot be written: {error.strerror or error}; choose {option}") from error


def check_replaceable_folder(folder: Path, option: str) -> None:
    """The same for a folder that is replaced as a whole, by renaming another to its name.

    Raises:
        DataError: it cannot be done, or ``folder`` is where a disk is mounted.
    """
    if folder.is_mount():
        raise DataError(f"{folder}: expected a folder that can be renamed, found the root of a disk; choose {option}")
    check_writable(folder.absolute().parent, option)


def check_report(path: Path | None) -> None:
    """The same for a page that is written at the end.

    Raises:
        DataError: it cannot be done, or a folder has its name.
    """
    if path is None:
        return
    if path.is_dir():
        raise DataError(f"{path}: expected a file to write, found a folder; choose another --report")
    check_writable(path.absolute().parent, "another --report")
