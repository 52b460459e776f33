"""The files of a zip archive, written only where they belong and only while they fit."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from edge_asl.datasets.disk_space import require_space
from edge_asl.datasets.fetch.members import kept_members, write_member
from edge_asl.datasets.fetch.public_sets import PublicSet
from edge_asl.errors import DataError
from edge_asl.progress import Progress

_CHUNK = 1 << 20
# Encrypted, damaged, or compressed in a way that nobody here knows.
_BROKEN = (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, UnicodeDecodeError)


class UselessArchive(DataError):  # noqa: N818 - named after what happened
    """To fetch the same archive again, or another one, is the only help."""


def unpack(chosen: PublicSet, archive: Path, tree: Path, where: str, progress: Progress) -> None:
    """Write the set's files to ``tree``, an empty folder. ``zipfile`` compares each one's CRC.

    Raises:
        UselessArchive: no zip archive, or one that is damaged, holds something else, or has names that lead out of
            ``tree``.
        DataError: it does not fit on the disk.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = _members(packed, chosen, where)
            # zipfile gives no more of a member than this size: a bomb cannot be larger than it says.
            size = sum(packed.getinfo(name).file_size for name in members)
            require_space(tree, size, f"what {archive.name} holds", "free some space or choose another --out")
            with progress.task("unpacked", len(members)) as advance:
                for done, (name, kept) in enumerate(members.items(), 1):
                    _write(packed, name, write_member(tree, kept))
                    advance(done)
    except _BROKEN as error:
        raise UselessArchive(f"{where}: not a whole zip archive: {error}; fetch it again") from error


def _members(packed: zipfile.ZipFile, chosen: PublicSet, where: str) -> Mapping[str, str]:
    try:
        return kept_members((one.filename for one in packed.infolist()), chosen, where)
    except DataError as error:
        raise UselessArchive(str(error)) from error


def _write(packed: zipfile.ZipFile, name: str, path: Path) -> None:
    with packed.open(name) as source, path.open("xb") as target:
        while part := source.read(_CHUNK):
            target.write(part)
