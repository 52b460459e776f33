"""A release as one file: gzip over a line of JSON and the bytes of the files behind it, for ``agent.unpack``.

Made once for all devices that lack the same, and kept under ``${XDG_CACHE_HOME:-~/.cache}/edge-asl/packs``.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_asl.deploy.environment.layout import cache_folder
from edge_asl.deploy.payload import Payload
from edge_asl.deploy.steps.send import Send
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress

LEVEL = 3
"""Of gzip. An environment of 219 MB, on x86-64: 80 MB after 4.5 s; with 1, 84 MB after 3.4 s and slower to unpack;
with 6, 75 MB after 10 s."""
UNUSED_DAYS = 30
CHUNK = 1 << 20


def packs_folder() -> Path:
    """Where packs lie if nothing else is said."""
    return cache_folder() / "packs"


def pack_file(payload: Payload, step: Send, missing: dict[str, int], out: Path, progress: Progress) -> Path:
    """The file, named by what it holds; made once.

    Args:
        payload: the release.
        step: whether the environment's list goes along, and everything anew.
        missing: SHA-256 of what the device lacks.
        out: folder of the packs.
        progress: told about what takes seconds.

    Raises:
        DeviceError: no room.
    """
    chosen = payload.wanted.objects if step.repair else missing
    own = [sha for sha in chosen if sha in payload.wanted.bundle_objects]
    rest = [sha for sha in chosen if sha not in payload.wanted.bundle_objects]
    header = payload.header(dict.fromkeys([*own, *rest], 0), environment=step.environment, repair=step.repair)
    name = hashlib.sha256(header).hexdigest()[:32]
    shared = _made(
        out / f"{_name_of(rest)}.gz", lambda beside: _compress(beside, b"", _sources(payload, rest)), rest, progress
    )

    def make(beside: Path) -> None:
        # gzip members behind one another are one file: the environment's is compressed once for all bundles.
        _compress(beside, header, _sources(payload, own))
        with beside.open("ab") as file, shared.open("rb") as more:
            shutil.copyfileobj(more, file, CHUNK)

    return _made(out / f"{name}.pack", make, [], progress)


def _name_of(hashes: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:32]


def _sources(payload: Payload, hashes: Iterable[str]) -> list[Path]:
    return [payload.sources[sha] for sha in hashes]


def _made(path: Path, make: Callable[[Path], None], files: list[str], progress: Progress) -> Path:
    if path.exists():
        os.utime(path)
        return path
    if files:
        progress.say(f"packing {len(files)} files of the environment")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        make(beside)
        beside.replace(path)
    except OSError as error:
        raise DeviceError(f"{path}: expected room for a pack, found: {error.strerror or error}; make some") from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def _compress(path: Path, first: bytes, sources: Iterable[Path]) -> None:
    # Without a name and a time in it: the same content is the same file.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed:
        packed.write(first)
        for source in sources:
            with source.open("rb") as file:
                shutil.copyfileobj(file, packed, CHUNK)


def forget_old(out: Path) -> None:
    """Take away what nobody asked for in a month."""
    for path in (path for kind in ("pack", "b64", "gz") for path in out.glob(f"*.{kind}")):
        if time.time() - path.stat().st_mtime > UNUSED_DAYS * 86400:
            path.unlink(missing_ok=True)
