"""``PROVENANCE.json`` and ``SHA256SUMS`` beside fetched pictures: what they are and whether they still are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from edge_asl.datasets.digest import content_hashes
from edge_asl.errors import DataError
from edge_asl_device.contract.manifest import PublicData
from edge_asl_device.files import write_atomically

RECORD = "PROVENANCE.json"
SUMS = "SHA256SUMS"
FORMAT = 1
_SHOWN = 3


class FetchRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``PROVENANCE.json``: what was fetched."""

    format: int = FORMAT
    name: str
    url: str
    """Where the set lives."""
    fetched_from: str
    """Where it was got: the same, or a mirror; passwords left out."""
    version: str
    """The commit, or the publisher's number."""
    licence: str
    licence_url: str
    layout: str
    pictures: int
    archive_sha256: str | None = None
    """Of the archive that it came in; None: in none."""
    digest: str
    """SHA-256 of ``SHA256SUMS``, which lists every file: it stands for all names and contents."""
    fetched: str
    """UTC, ISO 8601."""

    @property
    def public_data(self) -> PublicData:
        """What a bundle says of it. Where it was got is the user's own affair."""
        return PublicData(self.name, self.url, self.version, self.licence, self.licence_url, self.digest)


def write_record(folder: Path, record: FetchRecord) -> None:
    """Write ``PROVENANCE.json``."""
    write_atomically(folder / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_record(folder: Path) -> FetchRecord | None:
    """What ``PROVENANCE.json`` in a folder says; None: there is none.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=FetchRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}; fetch the set again, or remove the file") from error


def write_sums(folder: Path) -> str:
    """List every file below ``folder`` with its SHA-256 in ``SHA256SUMS``; gives the list's own."""
    names = sorted(files_below(folder))
    hashes = content_hashes([str(folder / name) for name in names])
    text = "".join(f"{content}  {name}\n" for content, name in zip(hashes, names, strict=True))
    write_atomically(folder / SUMS, text)
    return hashlib.sha256(text.encode()).hexdigest()


def files_below(folder: Path) -> list[str]:
    """The paths of all files below ``folder`` but the two that this module writes."""
    found = []
    for parent, _, names in os.walk(folder):
        below = os.path.relpath(parent, folder)
        found += [name if below == "." else f"{below}/{name}" for name in names]
    return [name for name in found if name not in (RECORD, SUMS)]


def check_unchanged(folder: Path, record: FetchRecord) -> None:
    """Compare every file with the list that was made when it was fetched; files of the user's own are no matter.

    Raises:
        DataError: some are missing, changed or truncated.
    """
    listed = _read_sums(folder, record)
    missing = [name for name in listed if not (folder / name).is_file()]
    there = [name for name in listed if name not in set(missing)]
    hashes = content_hashes([str(folder / name) for name in there])
    changed = [name for name, found in zip(there, hashes, strict=True) if found != listed[name]]
    if missing or changed:
        what = [*(f"{name} (missing)" for name in missing), *(f"{name} (changed)" for name in changed)]
        raise DataError(f"{folder}: not as it was fetched: {_some(what)}; move the folder away and fetch it again")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _read_sums(folder: Path, record: FetchRecord) -> Mapping[str, str]:
    path = folder / SUMS
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; move the folder away and fetch it again") from error
    if hashlib.sha256(text).hexdigest() != record.digest:
        raise DataError(f"{path}: not the list that {RECORD} was written for; move the folder away and fetch it again")
    pairs = (line.split("  ", 1) for line in text.decode().splitlines())
    return {name: content for content, name in pairs}
