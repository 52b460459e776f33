"""Writing so that a power cut leaves the old content or the new, never half of it: beside, sync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Sync a file's bytes or a folder's entries to disk; without the latter a rename can be lost."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Sync every file and folder below ``folder``, and its own entry.

    First the whole machine at once, which an SD card writes faster than file by file; then each by itself, because only
    that reports a failed write.
    """
    os.sync()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                sync(path)
        sync(Path(parent))
    sync(folder.parent)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace ``path`` by ``content`` (str is UTF-8): a reader sees the old bytes or the new ones.

    Raises:
        OSError: no space, no permission; ``path`` is then as it was.
    """
    with replacing_file(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target``, with the same suffix; what is written there replaces ``target``.

    Raises:
        OSError: no space, no permission; then, as after any other error, ``target`` is as it was.
    """
    beside = target.with_name(f".{os.getpid()}.tmp.{target.name}")
    try:
        yield beside
        sync(beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync(target.parent)


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target`` that replaces ``target`` unless an error is raised.

    POSIX renames a folder only over an empty one, so the old folder is renamed aside first: for an instant ``target``
    does not exist, but it is never incomplete.

    Raises:
        OSError: no space, no permission; ``target`` is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        for path in beside.rglob("*"):
            if path.is_file():
                sync(path)
        sync(beside)
        if target.exists():
            target.rename(aside)
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
    sync(target.parent)
    shutil.rmtree(aside, ignore_errors=True)
