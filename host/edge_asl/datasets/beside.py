"""A folder beside the one that is wanted, which an interrupted run leaves and the next one continues."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge_asl.errors import DataError
from edge_asl_device.files import sync, sync_tree


@contextlib.contextmanager
def kept_beside(out: Path) -> Iterator[Path]:
    """A folder ``.NAME.part`` beside ``out`` that outlives an error, for one process at a time.

    Raises:
        DataError: another process is at work in it.
    """
    whole = out.absolute()
    whole.parent.mkdir(parents=True, exist_ok=True)
    part = whole.with_name(f".{whole.name}.part")
    part.mkdir(exist_ok=True)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{out}: another process is at work on it; wait for it") from error
        yield part
        shutil.rmtree(part)
    finally:
        os.close(descriptor)


def put_in_place(tree: Path, out: Path) -> None:
    """Rename a finished folder to ``out``, which is missing or empty, after its files are on the disk."""
    sync_tree(tree)
    tree.rename(out)
    sync(out.absolute().parent)
