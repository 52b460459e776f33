"""The table of public data sets."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge_asl.errors import DataError
from edge_asl_device.contract.manifest import NAME


class PublicSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One data set that can be fetched by name."""

    name: Annotated[str, msgspec.Meta(pattern=NAME)]
    about: str
    kind: Literal["git", "kaggle"]
    """How its own address is read."""
    url: str
    """Where it lives: a Git repository, or the set's page at Kaggle."""
    version: str
    """The pinned commit, or Kaggle's number of the version."""
    folder: str = ""
    """Where the pictures lie in it; this folder's content is what is kept. Empty: at its top."""
    files: tuple[str, ...] = ()
    """The only files of ``folder`` to keep; none: all."""
    layout: str
    """As for ``read_dataset``."""
    pictures: int
    """How many there are; rows count as pictures."""
    licence: str
    """Its SPDX name."""
    licence_url: str
    licence_file: str | None = None
    """A file at its top that is kept too."""

    @property
    def handle(self) -> str:
        """What Kaggle calls it: ``OWNER/NAME``."""
        return "/".join(self.url.split("/")[-2:])

    def kept_as(self, path: str) -> str | None:
        """The name under which a file of the set is kept; None: it is not."""
        if path == self.licence_file:
            return path
        below = path.removeprefix(f"{self.folder}/") if self.folder else path
        inside = below != path or not self.folder
        return below if inside and (not self.files or below in self.files) else None


def public_sets(own: Path | None = None) -> list[PublicSet]:
    """All of them, in the order of the table, then those of a table of the user's ``own``, which may replace some.

    Raises:
        DataError: that table cannot be read.
    """
    shipped = resources.files("edge_asl.datasets.fetch").joinpath("public_sets.toml").read_text("utf-8")
    return list((_read(shipped) | ({} if own is None else _read_own(own))).values())


def _read_own(path: Path) -> dict[str, PublicSet]:
    try:
        return _read(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise DataError(f"{path}: {error}; write it like the table that edge-asl comes with") from error


def _read(text: str) -> dict[str, PublicSet]:
    rows = tomllib.loads(text)
    return {name: msgspec.convert({**row, "name": name}, PublicSet) for name, row in rows.items()}


def public_set(name: str, own: Path | None = None) -> PublicSet:
    """The set of this name.

    Raises:
        DataError: there is none.
    """
    known = {one.name: one for one in public_sets(own)}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise DataError(f"{name}: no such public data set; {meant}")


def format_sets(sets: Iterable[PublicSet]) -> str:
    """Name, size, licence and home of each, for a terminal."""
    lines = []
    for one in sets:
        lines.append(f"{one.name}: {one.about}")
        lines.append(f"  {one.pictures:,} pictures, {one.licence} ({one.licence_url})")
        lines.append(f"  {one.url}, version {one.version[:12]}")
    return "\n".join(lines)
