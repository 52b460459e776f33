"""Which public data sets a user's data folders came from, as far as they say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_asl.datasets.fetch.record import read_record
from edge_asl.datasets.shards.index import INDEX, read_index
from edge_asl_device.contract.manifest import PublicData


def public_data_of(roots: Iterable[Path]) -> tuple[PublicData, ...]:
    """What ``PROVENANCE.json`` or the index of shards says of data folders, sorted by name; nothing of a user's own.

    Raises:
        DataError: one of them cannot be read.
    """
    found = {one for root in roots for one in _of(root if root.is_dir() else root.parent)}
    return tuple(sorted(found, key=lambda one: (one.name, one.version, one.digest)))


def _of(folder: Path) -> tuple[PublicData, ...]:
    if (folder / INDEX).is_file():
        return read_index(folder).public_data
    record = read_record(folder)
    return () if record is None else (record.public_data,)
