"""Trying, before hours of work, that what they end with can be written."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_asl.errors import DataError


def check_writable(folder: Path, option: str) -> None:
    """Make ``folder`` and write a file in it, then remove both: permission bits do not tell of read-only disks.

    Raises:
        DataError: it cannot be done; ``option`` is what chooses another place.
    """
    with _refusing(folder, option):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".edge-asl-") as file:
                file.write(bytes(4096))
                file.flush()
        finally:
            for path in missing:
                with contextlib.suppress(OSError):
                    path.rmdir()


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


@contextlib.contextmanager
def _refusing(folder: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename if error.filename and Path(error.filename) in folder.parents else folder
        raise DataError(f"{where}: cannot be written: {error.strerror or error}; choose {option}") from error
