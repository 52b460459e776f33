"""Which files of a repository or an archive are kept, and under which safe names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_asl.datasets.fetch.public_sets import PublicSet
from edge_asl.errors import DataError


def kept_members(names: Iterable[str], chosen: PublicSet, where: str) -> Mapping[str, str]:
    """Member → the name it is kept under, for all that are kept.

    One folder around everything is looked through, because GitHub's archives have one.

    Raises:
        DataError: none is one of the set's, two would be kept under one name, or a name is not safe to write.
    """
    # macOS puts a second tree beside what it packs.
    listed = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    around = {name.partition("/")[0] for name in listed}
    prefixes = ["", f"{next(iter(around))}/"] if len(around) == 1 else [""]
    for prefix in prefixes:
        found = {name: kept for name in listed if (kept := chosen.kept_as(name.removeprefix(prefix))) is not None}
        if any(kept != chosen.licence_file for kept in found.values()):
            return _checked(found, where)
    wanted = f"a folder {chosen.folder}/" if chosen.folder else " and ".join(chosen.files)
    raise DataError(f"{where}: expected {wanted}, found none; this is not the set {chosen.name}")


def _checked(found: dict[str, str], where: str) -> dict[str, str]:
    taken: set[str] = set()
    for name, kept in found.items():
        parts = kept.split("/")
        # A backslash and a colon are separators elsewhere; nothing that is meant well has them.
        if any(part in ("", ".", "..") for part in parts) or any(c in kept for c in '\\:\0"\n'):
            raise DataError(f"{where}: expected names inside the folder, found {name!r}; do not use this source")
        if kept in taken:
            raise DataError(f"{where}: holds {name!r} twice; do not use this source")
        taken.add(kept)
    return found


def write_member(folder: Path, name: str) -> Path:
    """The path to write a kept member to; its folders are made."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
