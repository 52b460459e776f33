"""What never parts, and the chance that orders it.

Chance is a hash of (seed, name) instead of a generator: the same on every machine and version, whatever order the
pictures come in.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from edge_asl.datasets.listing import series_of, stem_of
from edge_asl.datasets.types import Picture


class Unit(NamedTuple):
    """Pictures that never part: a photo's augmented copies, or all that show one person."""

    name: str
    """The first path: unique."""
    paths: tuple[str, ...]
    labels: Counter[str]
    place: tuple[str, int]
    """Series and number of the earliest picture: its neighbours were shot before and after it."""

    @property
    def label(self) -> str:
        """The class most of its pictures have."""
        return min(self.labels, key=lambda label: (-self.labels[label], label))


def make_units(pictures: Iterable[Picture], keys: Callable[[Picture], Iterable[object]]) -> list[Unit]:
    """Join pictures that share a key, directly or through others; a picture without a key stands alone."""
    parent: dict[object, object] = {}

    def top(node: object) -> object:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    ordered = sorted(pictures, key=lambda picture: picture.path)
    for picture in ordered:
        for key in keys(picture):
            parent[top(key)] = top(picture.path)
    members: dict[object, list[Picture]] = defaultdict(list)
    for picture in ordered:
        members[top(picture.path)].append(picture)
    return sorted((_unit(group) for group in members.values()), key=lambda unit: unit.name)


def _unit(group: Sequence[Picture]) -> Unit:
    paths = tuple(picture.path for picture in group)
    return Unit(paths[0], paths, Counter(p.label for p in group), min(_place(p) for p in group))


def _place(picture: Picture) -> tuple[str, int]:
    if picture.block is None:
        return picture.path, 0
    folder = picture.path.rpartition("/")[0]
    return f"{folder}/{series_of(stem_of(picture.path))}", picture.block


def bursts_of(picture: Picture) -> Iterable[object]:
    """Keys that keep a photo's augmented copies together."""
    # Keys are tuples, so that none can equal a path.
    return [("burst", picture.burst)] if picture.burst is not None else []


def lot(seed: int, name: str) -> bytes:
    """The eight bytes that a seed gives a name: what chance is here."""
    return hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()


def shuffled(units: Iterable[Unit], seed: int) -> list[Unit]:
    """Units in the seed's order, whatever order they come in."""
    return sorted(units, key=lambda unit: (lot(seed, unit.name), unit.name))
