"""Refusing early what would fill the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_asl.errors import DataError


def require_space(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Refuse to start what would fill the disk.

    Raises:
        DataError: less than ``needed`` bytes and a reserve of 50 MB are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + 50_000_000:
        megabytes = needed // 1_000_000 + 50
        raise DataError(f"{folder}: expected {megabytes} MB free for {what}, found {free // 1_000_000} MB; {remedy}")
