"""SHA-256 of the data, cached by size and time of change: of 100,000 known files only the metadata are read."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl_device.files import sha256_of, write_atomically

# hashlib releases the interpreter lock; beyond four threads the disk is the limit.
THREADS = min(4, os.cpu_count() or 1)
_BATCH = 64  # files per task: a future for every file costs as much as hashing a small one

# A file written twice within one tick of the file system's clock keeps its time, and often its size. As in git's
# index, files that young are hashed again next time.
_SETTLED_NS = 1_000_000_000
_UNSETTLED = -1

_Known = tuple[int, int, str]
"""Size in bytes, modification time in ns, SHA-256."""


class _Cache(msgspec.Struct):
    files: dict[str, _Known]


def content_hashes(paths: Sequence[str], cache: Path | None = None) -> list[str]:
    """SHA-256 (hexadecimal) of each file's bytes, in the order of ``paths``, which are absolute.

    ``cache`` is a file that remembers hashes by size and modification time; it is created, and replaced as a whole.

    Raises:
        DataError: a file cannot be read, or the cache cannot be written.
    """
    known = _read_cache(cache)
    try:
        stats = [os.stat(path) for path in paths]  # noqa: PTH116 - 10⁵ Path objects take 0.5 s
        fresh = [
            index
            for index, (path, stat) in enumerate(zip(paths, stats, strict=True))
            if known.get(path, (0, 0, ""))[:2] != (stat.st_size, stat.st_mtime_ns)
        ]
        hashed = dict(zip(fresh, _hash_all([paths[index] for index in fresh]), strict=True))
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error
    hashes = [hashed[i] if i in hashed else known[path][2] for i, path in enumerate(paths)]
    if cache is not None and (fresh or len(known) != len(paths)):
        _write_cache(cache, zip(paths, stats, hashes, strict=True))
    return hashes


def dataset_digest(pictures: Iterable[Picture], hashes: Iterable[str]) -> str:
    """SHA-256 over (path, label, signer, box, content) of every picture, sorted by path."""
    total = hashlib.sha256()
    encode = msgspec.json.Encoder().encode
    for picture, content in sorted(zip(pictures, hashes, strict=True), key=lambda pair: pair[0].path):
        total.update(encode((picture.path, picture.label, picture.signer, picture.box, content)))
        total.update(b"\n")
    return total.hexdigest()


def write_contents(path: Path, dataset: Dataset) -> None:
    """Remember the content of each picture, be it a file, a row of a table or a part of a shard."""
    write_atomically(path, msgspec.json.encode(sorted({dataset.contents[one.path] for one in dataset.pictures})))


def known_contents(path: Path) -> frozenset[str]:
    """What such a file remembers; nothing if it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=frozenset[str])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return frozenset()


def _hash_all(paths: list[str]) -> list[str]:
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(THREADS) as pool:
        hashed = pool.map(lambda batch: [sha256_of(Path(path)) for path in batch], batches)
        return [digest for batch in hashed for digest in batch]


def _read_cache(cache: Path | None) -> dict[str, _Known]:
    """The known hashes; none if the cache is missing or damaged."""
    if cache is None:
        return {}
    try:
        return msgspec.json.decode(cache.read_bytes(), type=_Cache).files
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _write_cache(cache: Path, files: Iterable[tuple[str, os.stat_result, str]]) -> None:
    youngest = time.time_ns() - _SETTLED_NS
    known = {
        path: (stat.st_size, stat.st_mtime_ns if stat.st_mtime_ns < youngest else _UNSETTLED, content)
        for path, stat, content in files
    }
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, msgspec.json.encode(_Cache(known)))
    except OSError as error:
        raise DataError(f"{cache}: cannot be written: {error.strerror or error}") from error
