"""Groups of pictures that a split keeps together, and their random order.

The order comes from a hash of (seed, name) and not from a generator: the same on every machine and version, whatever
order the pictures are listed in.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from edge_asl.datasets.listing import series_of, stem_of
from edge_asl.datasets.types import Picture


class Unit(NamedTuple):
    """Pictures kept together: a photo's augmented copies, or all that show one person."""

    name: str
    """The first path: unique."""
    paths: tuple[str, ...]
    labels: Counter[str]
    position: tuple[str, int]
    """Series and number of the earliest picture: neighbouring numbers were shot just before and after it."""

    @property
    def label(self) -> str:
        """The class of most of its pictures."""
        return min(self.labels, key=lambda label: (-self.labels[label], label))


def make_units(pictures: Iterable[Picture], keys: Callable[[Picture], Iterable[object]]) -> list[Unit]:
    """Join pictures that share a key, directly or through others; a picture without a key is a unit of its own."""
    parent: dict[object, object] = {}

    def root(node: object) -> object:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    ordered = sorted(pictures, key=lambda picture: picture.path)
    for picture in ordered:
        for key in keys(picture):
            parent[root(key)] = root(picture.path)
    members: dict[object, list[Picture]] = defaultdict(list)
    for picture in ordered:
        members[root(picture.path)].append(picture)
    return sorted((_unit(group) for group in members.values()), key=lambda unit: unit.name)


def _unit(group: Sequence[Picture]) -> Unit:
    paths = tuple(picture.path for picture in group)
    return Unit(paths[0], paths, Counter(p.label for p in group), min(_position(p) for p in group))


def _position(picture: Picture) -> tuple[str, int]:
    if picture.block is None:
        return picture.path, 0
    folder = picture.path.rpartition("/")[0]
    return f"{folder}/{series_of(stem_of(picture.path))}", picture.block


def bursts_of(picture: Picture) -> Iterable[object]:
    """Keys that keep a photo's augmented copies together."""
    # Keys are tuples, so that none can equal a path.
    return [("burst", picture.burst)] if picture.burst is not None else []


def random_key(seed: int, name: str) -> bytes:
    """Eight bytes by which names sort in the random order of ``seed``."""
    return hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()


def shuffled(units: Iterable[Unit], seed: int) -> list[Unit]:
    """Units in the random order of ``seed``, whatever order they come in."""
    return sorted(units, key=lambda unit: (random_key(seed, unit.name), unit.name))
