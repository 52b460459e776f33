"""``edge-asl data shard``: folders of pictures into few large files, for sets larger than memory or disk cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec

from edge_asl.datasets.beside import kept_beside, put_in_place
from edge_asl.datasets.disk_space import require_space
from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.listing import Listing
from edge_asl.datasets.public_data import public_data_of
from edge_asl.datasets.readers import list_dataset, sound
from edge_asl.datasets.remarks import remarks_on, tell
from edge_asl.datasets.shards.examples import read_records, write_records
from edge_asl.datasets.shards.index import INDEX, Index, Shard, read_index
from edge_asl.datasets.types import Picture, file_of
from edge_asl.errors import DataError
from edge_asl.progress import Advance, Progress
from edge_asl_device.files import sha256_of, write_atomically

_OVERHEAD = 400
"""Bytes of a record besides the picture, at most."""


class ShardRequest(NamedTuple):
    """What the user asked for."""

    data: Sequence[Path]
    out: Path
    layout: str = "auto"
    signer_pattern: str | None = None
    labels: Choice | None = None
    per_shard: int | None = None
    """Pictures in a shard; None: as many as ``shard_bytes`` hold."""
    shard_bytes: int = 128_000_000


class Plan(NamedTuple):
    """One shard to be written."""

    name: str
    pictures: list[Picture]
    digest: str
    """Of the pictures, and of what changes when their files do."""


def shard(request: ShardRequest, progress: Progress) -> Index:
    """Write the pictures of data folders as TFRecord shards with ``shards.json``, in the order of their paths.

    Every shard is read back through TensorFlow before it counts. An interrupted run leaves the shards that it finished
    beside ``out``, and the same call continues; if the same shards are there already, nothing is done.

    Raises:
        DataError: as ``read_dataset``; ``out`` holds something else; too little disk space; a picture cannot be read.
    """
    listing = sound(
        list_dataset(request.data, request.layout, signer_pattern=request.signer_pattern, labels=request.labels)
    )
    tell(remarks_on(listing), progress)
    plans = plan_shards(listing, request)
    if (there := _there(request.out, plans)) is not None:
        progress.say(f"{request.out}: the same pictures are there already")
        return there
    labels = order_labels(picture.label for picture in listing.pictures)
    with kept_beside(request.out) as part:
        tree, done = part / "tree", part / "done"
        for folder in (tree, done):
            folder.mkdir(exist_ok=True)
        written = _write_all(plans, listing, labels, tree, done, progress)
        for left in {path.name for path in tree.iterdir()} - {plan.name for plan in plans}:
            (tree / left).unlink()  # of an interrupted run with other data
        index = Index(
            pictures=len(listing.pictures),
            labels=labels,
            public_data=public_data_of(listing.roots.values()),
            shards=tuple(written),
        )
        write_atomically(tree / INDEX, msgspec.json.encode(index))
        put_in_place(tree, request.out)
    return index


def _there(out: Path, plans: Sequence[Plan]) -> Index | None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / INDEX).is_file():
        raise DataError(f"{out}: expected nothing or shards, found something else; choose another --out")
    index = read_index(out)
    if index.plans != [plan.digest for plan in plans]:
        raise DataError(f"{out}: holds shards of other data; choose another --out, or remove the folder")
    return index


def plan_shards(listing: Listing, request: ShardRequest) -> list[Plan]:
    """Which pictures go into which shard, in the order of their paths."""
    groups: list[list[Picture]] = []
    stamps: list[str] = []
    full = 0
    for picture in listing.pictures:
        size, stamp = _stamp(listing, picture)
        by_count = request.per_shard is not None and bool(groups) and len(groups[-1]) == request.per_shard
        if not groups or by_count or (request.per_shard is None and full + size > request.shard_bytes):
            groups.append([])
            stamps.append("")
            full = 0
        groups[-1].append(picture)
        stamps[-1] = hashlib.sha256(f"{stamps[-1]}{picture!r}{stamp}".encode()).hexdigest()
        full += size
    names = [f"pictures-{i:05}-of-{len(groups):05}.tfrecord" for i in range(len(groups))]
    return [Plan(*each) for each in zip(names, groups, stamps, strict=True)]


def _stamp(listing: Listing, picture: Picture) -> tuple[int, str]:
    """Bytes of a record, about, and what changes when the picture does."""
    if (grey := listing.pixels.get(picture.path)) is not None:
        return grey.nbytes + _OVERHEAD, hashlib.sha256(grey.tobytes()).hexdigest()
    if (encoded := listing.encoded.get(picture.path)) is not None:
        return encoded.size + _OVERHEAD, encoded.sha256
    found = os.stat(file_of(picture, listing.roots))  # noqa: PTH116 - one for every picture
    return found.st_size + _OVERHEAD, f"{found.st_size}:{found.st_mtime_ns}"


def _write_all(
    plans: Sequence[Plan], listing: Listing, labels: Sequence[str], tree: Path, done: Path, progress: Progress
) -> Iterator[Shard]:
    known = [_finished(plan, tree, done) for plan in plans]
    left = [picture for plan, shard in zip(plans, known, strict=True) if shard is None for picture in plan.pictures]
    total = sum(_stamp(listing, picture)[0] for picture in left)
    require_space(tree, total, "the shards", "free some space or choose another --out")
    if len(left) < len(listing.pictures):
        progress.say(f"  {len(listing.pictures) - len(left)} pictures are here from an earlier run")
    numbers = {label: i for i, label in enumerate(labels)}
    ready = len(listing.pictures) - len(left)
    with progress.task("pictures written", len(listing.pictures)) as advance:
        for plan, shard in zip(plans, known, strict=True):
            if shard is not None:
                yield shard
                continue
            yield _write(plan, listing, numbers, tree, done, ready, advance)
            ready += len(plan.pictures)


def _finished(plan: Plan, tree: Path, done: Path) -> Shard | None:
    """A shard that an earlier run finished; None: there is none of the same pictures."""
    try:
        shard = msgspec.json.decode((done / f"{plan.name}.json").read_bytes(), type=Shard)
        whole = (tree / plan.name).stat().st_size == shard.size
    except (OSError, msgspec.MsgspecError):
        return None
    return shard if whole and shard.plan == plan.digest else None


def _write(
    plan: Plan,
    listing: Listing,
    numbers: dict[str, int],
    tree: Path,
    done: Path,
    ready: int,
    advance: Advance,
) -> Shard:
    path = tree / plan.name
    pictures = ((picture, numbers[picture.label], _bytes_of(listing, picture)) for picture in plan.pictures)
    hashes = []
    for sha256 in write_records(path, pictures):
        hashes.append(sha256)
        advance(ready + len(hashes))
    rows = tuple(read_records(path, zip(plan.pictures, hashes, strict=True)))
    shard = Shard(plan.name, path.stat().st_size, sha256_of(path), plan.digest, rows)
    write_atomically(done / f"{plan.name}.json", msgspec.json.encode(shard))
    return shard


def _bytes_of(listing: Listing, picture: Picture) -> bytes:
    if (grey := listing.pixels.get(picture.path)) is not None:
        return cv2.imencode(".png", grey)[1].tobytes()
    if (encoded := listing.encoded.get(picture.path)) is not None:
        return encoded.read()
    path = file_of(picture, listing.roots)
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - one for every picture
            return file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
