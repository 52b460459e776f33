"""Which picture trains, which chooses, which judges: made once, written down, honest about people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from edge_asl.datasets.people import share_people, split_people
from edge_asl.datasets.split_files import read_split, write_split
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.datasets.units import Unit, bursts_of, lot, make_units, shuffled
from edge_asl.errors import DataError

__all__ = ["METHODS", "PARTS", "make_split", "read_split", "write_split"]

PARTS = ("train", "validation", "test")
METHODS = ("auto", "signer", "block", "fraction", "counts")
BLOCK_SIZE = 20
"""Neighbours that stay together: in the public letters a room lasts 5 to 20 numbers."""

_UNUSED = "unused"

Shares = Mapping[str, float]
"""Part → fraction of the pictures; ``unused`` where a smaller ``train`` was asked for."""


def make_split(
    dataset: Dataset,
    *,
    by: str,
    seed: int,
    validation: float = 0.15,
    test: float = 0.15,
    train: float | None = None,
    counts: tuple[int, int, int] | None = None,
    block_size: int = BLOCK_SIZE,
    allow_shared_people: bool = False,
) -> Split:
    """Divide a data set's pictures; the same arguments give the same split.

    Args:
        dataset: what to divide.
        by: ``signer`` puts each person wholly on one side (unknown persons train). ``block`` holds out, per class,
            a stretch of neighbouring file numbers. ``fraction`` draws per class; ``counts`` so many per class.
            ``auto``: by signer where signers are known, else by burst, else by block, else by fraction.
        seed: another seed, another split.
        validation: fraction from 0 to 1.
        test: fraction from 0 to 1.
        train: fraction from 0 to 1; None takes the rest, less leaves pictures unused.
        counts: train, validation and test pictures per class, for ``counts``; the rest is unused.
        block_size: neighbours that stay together; smaller where a class is too small to hold a block out.
        allow_shared_people: make a split that is not by signer although signers are known.

    Raises:
        DataError: an argument out of range, too few people or pictures, or people would be on both sides.
    """
    shares = _shares(train, validation, test)
    how = _method(dataset, by, counts, shares, allow_shared_people)
    pictures = sorted(dataset.pictures, key=lambda picture: picture.path)
    if how == "signer":
        parts = split_people(pictures, shares, seed)
    elif how == "counts":
        parts = _by_counts(pictures, counts or (0, 0, 0), seed)
    else:
        choose = _stretch(block_size) if how == "block" else _drawn
        parts = _per_class(pictures, shares, seed, choose)
    split = Split(how, seed, dataset.digest, {p: tuple(sorted(parts[p])) for p in PARTS}, shares_people=True)
    _check_filled(dataset, split, shares if how != "counts" else dict(zip(PARTS, counts or (), strict=True)))
    return split._replace(shares_people=share_people(pictures, split.parts, how))


def _shares(train: float | None, validation: float, test: float) -> Shares:
    rest = 1 - validation - test
    shares = {"train": rest if train is None else train, "validation": validation, "test": test}
    unused = 1 - sum(shares.values())
    if any(not 0 <= share <= 1 for share in shares.values()) or not shares["train"] or unused < -1e-9:
        said = ", ".join(f"{part} {share:g}" for part, share in shares.items())
        raise DataError(f"split: expected fractions of 0 to 1 that add up to at most 1, some of it train, found {said}")
    return shares | {_UNUSED: unused if unused > 1e-9 else 0.0}


def _method(dataset: Dataset, by: str, counts: object, shares: Shares, allow_shared_people: bool) -> str:
    """Resolve ``auto``, and refuse what would silently put people on both sides."""
    if by not in METHODS:
        raise DataError(f"split by {by!r}: expected one of {', '.join(METHODS)}")
    if (by == "counts") != (counts is not None):
        raise DataError(f"split by {by}: expected counts (train, validation, test) exactly for 'counts'")
    people = len({p.signer for p in dataset.pictures} - {None})
    needed = sum(bool(shares[part]) for part in PARTS)
    if by == "auto":
        if people and (people >= needed or not allow_shared_people):
            by = "signer"
        elif any(p.burst for p in dataset.pictures) or not any(p.block is not None for p in dataset.pictures):
            by = "fraction"
        else:
            by = "block"
    if by == "signer" and people < needed:
        raise DataError(
            f"{dataset.root}: expected {needed} people or more to split by signer, found {people}; name them in "
            "signers.csv or by a signer pattern, ask for fewer parts, or allow shared people"
        )
    if by != "signer" and people and not allow_shared_people:
        raise DataError(
            f"{dataset.root}: a split by {by} puts known people ({people}) on both sides, expected a split by "
            "signer; allow shared people if the weaker claim is meant"
        )
    return by


def _check_filled(dataset: Dataset, split: Split, wanted: Mapping[str, float]) -> None:
    for part in PARTS:
        if wanted[part] and not split.parts[part]:
            raise DataError(
                f"{dataset.root}: expected pictures for {part}, found too few "
                f"({len(dataset.pictures)} by {split.how}); add pictures, or ask for none in {part}"
            )


Parts = dict[str, list[str]]
Choose = Callable[[list[Unit], Shares, int], dict[str, list[Unit]]]


def _per_class(pictures: Sequence[Picture], shares: Shares, seed: int, choose: Choose) -> Parts:
    classes: dict[str, list[Unit]] = defaultdict(list)
    for unit in make_units(pictures, bursts_of):
        classes[unit.label].append(unit)
    parts: Parts = defaultdict(list)
    for units in classes.values():
        for part, chosen in choose(units, shares, seed).items():
            parts[part].extend(path for unit in chosen for path in unit.paths)
    return parts


def _drawn(units: list[Unit], shares: Shares, seed: int) -> dict[str, list[Unit]]:
    """Draw units for each part but ``train``, which keeps the rest and at least one."""
    left = shuffled(units, seed)
    total = sum(len(unit.paths) for unit in units)
    chosen: dict[str, list[Unit]] = {}
    for part in ("test", "validation", _UNUSED):
        chosen[part], size, target = [], 0.0, shares[part] * total
        # Nearest to the target, but one where only a fraction of a unit is due, so that each class is judged.
        while len(left) > 1 and target and (size + len(left[-1].paths) / 2 <= target or _due(part, chosen)):
            chosen[part].append(left.pop())
            size += len(chosen[part][-1].paths)
    return chosen | {"train": left}


def _due(part: str, chosen: Mapping[str, list[Unit]]) -> bool:
    return part != _UNUSED and not chosen[part]


def _stretch(block_size: int) -> Choose:
    """Hold out neighbouring blocks: one stretch has only two borders where a room may be shared."""
    if block_size < 1:
        raise DataError(f"split by block: expected a block size of 1 or more, found {block_size}")

    def choose(units: list[Unit], shares: Shares, seed: int) -> dict[str, list[Unit]]:
        ordered = sorted(units, key=lambda unit: (unit.place, unit.name))
        held = [part for part in ("test", "validation") if shares[part]]
        smallest = min((int(shares[part] * len(ordered)) for part in held), default=block_size)
        size = max(1, min(block_size, smallest))
        number = max(1, round(len(ordered) / size))
        edges = [len(ordered) * block // number for block in range(number + 1)]
        blocks = [ordered[start:end] for start, end in pairwise(edges)]
        lengths = {part: max(1, round(shares[part] * len(blocks))) for part in held}
        return _cut(blocks, lengths, shares, seed)

    return choose


def _cut(blocks: list[list[Unit]], lengths: Mapping[str, int], shares: Shares, seed: int) -> dict[str, list[Unit]]:
    chosen: dict[str, list[Unit]] = {}
    first = blocks[0][0].name
    room = max(0, len(blocks) - sum(lengths.values()))
    start = int.from_bytes(lot(seed, first)) % (room + 1)
    taken = start
    for part in sorted(lengths, key=lambda part: lot(seed, first + part)):
        # A class too small for every part keeps its last block for training.
        end = min(taken + lengths[part], len(blocks) - (start == 0))
        chosen[part] = [unit for block in blocks[taken:end] for unit in block]
        taken = end
    rest = blocks[:start] + blocks[taken:]
    unused = min(round(shares[_UNUSED] * len(blocks)), len(rest) - 1)
    kept = rest[: len(rest) - unused] if unused > 0 else rest
    return chosen | {"train": [unit for block in kept for unit in block]}


def _by_counts(pictures: Sequence[Picture], counts: tuple[int, int, int], seed: int) -> Parts:
    """Exactly so many pictures per class; what is left of a burst, or of a class, is unused."""
    if min(counts) < 0 or not counts[0]:
        raise DataError(f"split by counts: expected train above 0 and the others 0 or more, found {counts}")
    parts: Parts = {part: [] for part in PARTS}
    classes: dict[str, list[Unit]] = defaultdict(list)
    for unit in make_units(pictures, bursts_of):
        classes[unit.label].append(unit)
    for label, units in sorted(classes.items()):
        left = shuffled(units, seed)
        for part, wanted in zip(PARTS, counts, strict=True):
            took: list[str] = []
            while left and len(took) < wanted:
                took.extend(left.pop().paths)
            if len(took) < wanted:
                found = sum(len(unit.paths) for unit in units)
                raise DataError(
                    f"class {label}: expected {'+'.join(map(str, counts))} pictures with bursts kept whole, "
                    f"found {found}; lower the counts or add pictures"
                )
            parts[part].extend(took[:wanted])
    return parts
