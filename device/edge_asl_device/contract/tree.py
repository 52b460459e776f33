"""A verified tree: a folder that holds exactly the files and links of a list.

Folders are walked, and files hashed, by descriptor: a file cannot be exchanged between its check and its opening, and
no link leads out of the folder. The bundle, a device's environment and the workstation's packages are verified so.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.contract.untrusted import open_folder, open_regular, read_bounded
from edge_asl_device.errors import FileError

COMPILED = "__pycache__"


class Entry(NamedTuple):
    """What a file must be."""

    sha256: str
    size: int
    """Bytes."""
    mode: int | None = None
    """Permissions, such as 0o644; None where the list names none."""


class Tree(NamedTuple):
    """What a folder must hold. Names are relative, with ``/`` between their parts; whoever reads a list checks them."""

    files: Mapping[str, Entry]
    links: Mapping[str, str] = {}
    """Name → target, letter by letter."""
    unlisted: frozenset[str] = frozenset()
    """Names that may be there, too: the list itself, and what somebody else checks. Never links."""
    compiled: bool = False
    """Whether Python's compiled modules may lie beside their sources."""

    def verify(self, folder: Path, *, hashes: bool = True) -> None:
        """Check everything below ``folder``, which itself may be reached through links.

        Args:
            folder: where.
            hashes: compare every byte; without, only names, kinds, sizes and modes, in milliseconds.

        Raises:
            FileError: anything is missing, extra, linked or changed.
        """
        missing = dict.fromkeys((*self.files, *self.links))
        parents = {"", *folders_of(missing)}

        def enters(name: str) -> bool:
            above, _, last = name.rpartition("/")
            return name in parents or (self.compiled and last == COMPILED and above in parents)

        for name, parent, entry in _walk(folder, enters):
            missing.pop(name, None)
            if name in self.files:
                _check_file(folder / name, parent, self.files[name], hashes=hashes)
            elif name in self.links:
                target = os.readlink(entry.name, dir_fd=parent) if entry.is_symlink() else "no link"
                if target != self.links[name]:
                    raise FileError(f"{folder / name}: expected a link to {self.links[name]}, found {target}")
            elif name in self.unlisted:
                if entry.is_symlink():
                    raise FileError(f"{folder / name}: is a link")
            elif not (self.compiled and _is_compiled(name, entry)):
                raise FileError(f"{folder / name}: not a listed file", "remove it")
        if missing:
            raise FileError(f"{folder / next(iter(missing))}: missing")


def folders_of(names: Iterable[str]) -> set[str]:
    """The folders in which files of these names lie, and all above those."""
    found: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def read_verified(path: Path, sha256: str, most: int) -> bytes:
    """The bytes of a file of at most ``most`` bytes: what is used is what was verified.

    Raises:
        FileError: it is missing, linked, changed or longer.
    """
    content = read_bounded(path, most)
    _check_hash(path, hashlib.sha256(content).hexdigest(), sha256)
    return content


def _walk(
    folder: Path, enters: Callable[[str], bool], prefix: str = "", parent: int | None = None
) -> Iterator[tuple[str, int, os.DirEntry[str]]]:
    """(name, its folder's descriptor, entry) of all that is not entered, one by one: a stranger ends it at once."""
    descriptor = open_folder(folder / prefix, parent)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = prefix + entry.name
                if enters(name):
                    yield from _walk(folder, enters, f"{name}/", descriptor)
                else:
                    yield name, descriptor, entry
    finally:
        os.close(descriptor)


def _check_file(path: Path, parent: int, entry: Entry, *, hashes: bool) -> None:
    with open_regular(path, parent) as file:
        found = os.fstat(file.fileno())
        if found.st_size != entry.size:
            raise FileError(f"{path}: expected {entry.size} bytes, found {found.st_size}")
        mode = stat.S_IMODE(found.st_mode)
        if entry.mode is not None and mode != entry.mode:
            raise FileError(f"{path}: expected mode {entry.mode:o}, found {mode:o}")
        if hashes:
            _check_hash(path, hashlib.file_digest(file, "sha256").hexdigest(), entry.sha256)


def _check_hash(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise FileError(f"{path}: expected sha256 {expected[:12]}…, found {found[:12]}…")


def _is_compiled(name: str, entry: os.DirEntry[str]) -> bool:
    return f"/{COMPILED}/" in f"/{name}" and name.endswith(".pyc") and entry.is_file(follow_symlinks=False)
