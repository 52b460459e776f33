"""Splitting into training, validation and test parts: made once, written down, honest about people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from edge_asl.datasets.given import given_parts
from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.people import shares_people, split_people
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.datasets.units import Unit, bursts_of, make_units, random_key, shuffled
from edge_asl.errors import DataError

PARTS = ("train", "validation", "test")
METHODS = ("auto", "signer", "block", "fraction", "counts", "first", "given", "left-out")
REST = "rest"
UNSPLIT = "all"
"""The method of a split that is none: of a model that was trained elsewhere, all pictures are its test."""
BLOCK_SIZE = 20
"""Neighbours that stay together: in the public letters, one room lasts for 5 to 20 numbers."""

Shares = Mapping[str, float]
"""Part → fraction of the pictures."""
Counts = tuple[int | Literal["rest"], int | Literal["rest"], int | Literal["rest"]]
"""Training, validation and test pictures per class; one of them may be all that the others leave."""
Parts = dict[str, list[str]]
"""Part → picture paths."""
Choose = Callable[[list[Unit], Shares, int], dict[str, list[Unit]]]
"""(the units of one class, shares, seed) → part → units."""


def make_split(
    dataset: Dataset,
    *,
    by: str,
    seed: int,
    validation: float = 0.15,
    test: float = 0.15,
    counts: Counts | None = None,
    allow_shared_people: bool = False,
) -> Split:
    """Split a data set; the same arguments give the same split.

    Args:
        by: ``signer`` puts all pictures of a person into one part (unknown people train). ``block`` holds out, per
            class, a run of consecutive file numbers. ``fraction`` draws at random per class; ``counts`` takes so many
            per class, at random, ``first`` in the order of the files. ``given``: as the data's own folders or files
            are named (``train/``, ``valid/``, ``test/``). ``left-out``: all train, and whoever is read is left out in
            turn (for recipes that read hands). ``auto``: by signer if signers are known, else by burst, else by block,
            else by fraction.
        validation, test: fractions from 0 to 1; the rest trains. With ``given``, ``validation`` is taken from the
            training pictures if the data have no validation part.
        counts: for ``counts`` and ``first``; pictures beyond them are unused.
        allow_shared_people: allow a split that is not by signer although signers are known.

    Raises:
        DataError: an argument out of range, too few people or pictures, or people would be in several parts.
    """
    shares = _shares(validation, test)
    how = _method(dataset, by, counts, shares, allow_shared_people)
    pictures = sorted(dataset.pictures, key=lambda picture: picture.path)
    if how == "signer":
        parts = split_people(pictures, shares, seed)
    elif how == "left-out":
        parts = {"train": [picture.path for picture in pictures], "validation": [], "test": []}
        shares = {"train": 1.0, "validation": 0.0, "test": 0.0}
    elif counts is not None:
        parts = _by_counts(pictures, counts, seed, in_order=how == "first")
        shares = {part: float(wanted != 0) for part, wanted in zip(PARTS, counts, strict=True)}
    elif how == "given":
        parts, shares = _given(dataset, pictures, shares, seed)
    else:
        parts = _per_class(pictures, shares, seed, _contiguous if how == "block" else _random)
    _check_filled(dataset, how, parts, shares)
    sorted_parts = {part: tuple(sorted(parts[part])) for part in PARTS}
    return Split(how, seed, dataset.digest, sorted_parts, shares_people(pictures, how))


def pictures_of(dataset: Dataset, split: Split, part: str) -> list[Picture]:
    """The pictures of ``train``, ``validation`` or ``test``, sorted by path."""
    wanted = set(split.parts[part])
    return [picture for picture in dataset.pictures if picture.path in wanted]


def describe_part(split: Split, part: str) -> str:
    """``test by signer``; ``all pictures`` where there is no split."""
    return "all pictures" if split.method == UNSPLIT else f"{part} by {split.method}"


def describe_split(split: Split, dataset: Dataset) -> str:
    """``by signer: 1163 train, 250 validation, 249 test pictures; 27 people in test``."""
    if split.method == UNSPLIT:
        return f"not split: all {len(split.parts['test'])} pictures calibrate and test"
    if split.method == "left-out":
        signers = {picture.signer for picture in dataset.pictures}
        who = "some" if split.shares_people else f"{len(signers)} people"
        return f"all {len(split.parts['train'])} pictures train; {who} are left out in turn for the figures"
    sizes = ", ".join(f"{len(paths)} {part}" for part, paths in split.parts.items())
    people = {picture.signer for picture in pictures_of(dataset, split, "test")} - {None}
    return f"by {split.method}: {sizes} pictures" + (f"; {len(people)} people in test" if people else "")


def describe_left_out(dataset: Dataset) -> str:
    """``left out 172 pictures of 0, 1, 2``: what the choice of labels cost."""
    return f"left out {sum(dataset.left_out.values())} pictures of {', '.join(order_labels(dataset.left_out))}"


def _shares(validation: float, test: float) -> Shares:
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    if any(not 0 <= share <= 1 for share in shares.values()) or not shares["train"]:
        raise DataError(
            "split: expected fractions from 0 to 1 that leave some for training, "
            f"found validation {validation:g}, test {test:g}"
        )
    return shares


def _method(dataset: Dataset, by: str, counts: object, shares: Shares, allow_shared_people: bool) -> str:
    """Resolve ``auto``, and refuse what would silently put people into several parts."""
    if by not in METHODS:
        raise DataError(f"split by {by!r}: expected one of {', '.join(METHODS)}")
    if (by in ("counts", "first")) != (counts is not None):
        raise DataError(
            f"split by {by}: counts (training, validation, test) go with 'counts' and 'first', and only with these"
        )
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
            f"{dataset.name}: expected {needed} people or more to split by signer, found {people}; name them in "
            "signers.csv or by a signer pattern, ask for fewer parts, or allow shared people"
        )
    if by not in ("signer", "left-out") and people and not allow_shared_people:
        raise DataError(
            f"{dataset.name}: a split by {by} would put known people ({people}) into several parts; split by signer, "
            "or allow shared people if the weaker claim is acceptable"
        )
    return by


def _check_filled(dataset: Dataset, how: str, parts: Parts, wanted: Mapping[str, float]) -> None:
    for part in PARTS:
        if wanted[part] and not parts[part]:
            raise DataError(
                f"{dataset.name}: too few pictures ({len(dataset.pictures)} by {how}) to fill the {part} part; "
                f"add pictures, or ask for none in {part}"
            )


def _per_class(pictures: Sequence[Picture], shares: Shares, seed: int, choose: Choose) -> Parts:
    parts: Parts = defaultdict(list)
    for units in _units_by_class(pictures).values():
        for part, chosen in choose(units, shares, seed).items():
            parts[part].extend(path for unit in chosen for path in unit.paths)
    return parts


def _units_by_class(pictures: Sequence[Picture]) -> dict[str, list[Unit]]:
    classes: dict[str, list[Unit]] = defaultdict(list)
    for unit in make_units(pictures, bursts_of):
        classes[unit.label].append(unit)
    return classes


def _random(units: list[Unit], shares: Shares, seed: int) -> dict[str, list[Unit]]:
    """Draw units for validation and test; ``train`` keeps the rest, at least one."""
    left = shuffled(units, seed)
    total = sum(len(unit.paths) for unit in units)
    chosen: dict[str, list[Unit]] = {}
    for part in ("test", "validation"):
        chosen[part], size, target = [], 0.0, shares[part] * total
        # As near to the target as possible, but at least one, so that each class is in each part.
        while len(left) > 1 and target and (not chosen[part] or size + len(left[-1].paths) / 2 <= target):
            chosen[part].append(left.pop())
            size += len(chosen[part][-1].paths)
    return chosen | {"train": left}


def _contiguous(units: list[Unit], shares: Shares, seed: int) -> dict[str, list[Unit]]:
    """Hold out neighbouring blocks: a single run of them has only two borders where a room may be shared."""
    ordered = sorted(units, key=lambda unit: (unit.position, unit.name))
    held = [part for part in ("test", "validation") if shares[part]]
    smallest = min((int(shares[part] * len(ordered)) for part in held), default=BLOCK_SIZE)
    number = max(1, round(len(ordered) / max(1, min(BLOCK_SIZE, smallest))))
    edges = [len(ordered) * block // number for block in range(number + 1)]
    blocks = [ordered[start:end] for start, end in pairwise(edges)]
    lengths = {part: max(1, round(shares[part] * len(blocks))) for part in held}
    return _hold_out(blocks, lengths, seed)


def _hold_out(blocks: list[list[Unit]], lengths: Mapping[str, int], seed: int) -> dict[str, list[Unit]]:
    chosen: dict[str, list[Unit]] = {}
    first = blocks[0][0].name
    room = max(0, len(blocks) - sum(lengths.values()))
    start = taken = int.from_bytes(random_key(seed, first)) % (room + 1)
    for part in sorted(lengths, key=lambda part: random_key(seed, first + part)):
        # A class too small for every part keeps its last block for training.
        end = min(taken + lengths[part], len(blocks) - (start == 0))
        chosen[part] = [unit for block in blocks[taken:end] for unit in block]
        taken = end
    return chosen | {"train": [unit for block in blocks[:start] + blocks[taken:] for unit in block]}


def _by_counts(pictures: Sequence[Picture], counts: Counts, seed: int, *, in_order: bool) -> Parts:
    """Exactly so many pictures per class; the rest of a burst or of a class is unused."""
    numbers = [0 if wanted == REST else int(wanted) for wanted in counts]
    if min(numbers) < 0 or not counts[0] or counts.count(REST) > 1:
        raise DataError(
            "split by counts: expected train above 0, the others 0 or more, and at most one 'rest', "
            f"found {list(counts)}"
        )
    parts: Parts = {part: [] for part in PARTS}
    by_class = _units_by_class(pictures)
    for label, units in sorted(by_class.items()):
        total = sum(len(unit.paths) for unit in units)
        # Taken from the end.
        left = sorted(units, key=lambda u: (u.position, u.name), reverse=True) if in_order else shuffled(units, seed)
        resolved = [max(0, total - sum(numbers)) if wanted == REST else int(wanted) for wanted in counts]
        # In order, the parts follow each other; else what is counted comes first, because bursts stay whole.
        turns = range(len(PARTS)) if in_order else sorted(range(len(PARTS)), key=lambda i: counts[i] == REST)
        for i in turns:
            took: list[str] = []
            while left and len(took) < resolved[i]:
                took.extend(left.pop().paths)
            if len(took) < resolved[i] and counts[i] != REST:
                raise DataError(_too_few(label, counts, by_class))
            parts[PARTS[i]].extend(took[: resolved[i]])
    return parts


def _too_few(label: str, counts: Counts, by_class: Mapping[str, list[Unit]]) -> str:
    units = by_class[label]
    found = sum(len(unit.paths) for unit in units)
    whole = " with bursts kept whole" if len(units) < found else ""
    # What the smallest class can fill.
    held = max(1, min(sum(len(unit.paths) for unit in some) for some in by_class.values()) * 15 // 100)
    return (
        f"class {label}: expected {'+'.join(map(str, counts))} pictures (train, validation, test){whole}, "
        f"found {found}; add pictures, or lower the counts: --set 'data.counts=[\"rest\", {held}, {held}]'"
    )


def _given(dataset: Dataset, pictures: Sequence[Picture], shares: Shares, seed: int) -> tuple[Parts, Shares]:
    """The data's own parts, and which of them must be there."""
    parts = given_parts(dataset.name, pictures)
    if not parts["validation"] and shares["validation"]:
        known = set(parts["train"])
        share = {"train": 1 - shares["validation"], "validation": shares["validation"], "test": 0.0}
        drawn = _per_class([picture for picture in pictures if picture.path in known], share, seed, _random)
        parts |= {"train": drawn["train"], "validation": drawn["validation"]}
    return parts, {part: float(bool(parts[part])) for part in PARTS}
