"""Splitting by person, and finding who lies on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge_asl.datasets.types import Picture
from edge_asl.datasets.units import Unit, bursts_of, make_units, shuffled


def on_both_sides(
    pictures: Iterable[Picture],
    parts: Mapping[str, Sequence[str]],
    who: Callable[[Picture], str | None],
) -> list[str]:
    """The persons (or bursts, as ``who`` says) with pictures in more than one part, sorted."""
    part_of = {path: part for part, paths in parts.items() for path in paths}
    seen: dict[str, str] = {}
    parted: set[str] = set()
    for picture in pictures:
        name, part = who(picture), part_of.get(picture.path)
        if name is not None and part is not None and seen.setdefault(name, part) != part:
            parted.add(name)
    return sorted(parted)


def share_people(pictures: Iterable[Picture], parts: Mapping[str, Sequence[str]], how: str) -> bool:
    """Whether one person may be on both sides: always, unless split by signers who are all known."""
    return how != "signer" or any(picture.signer is None for picture in pictures)


def _people(picture: Picture) -> Iterable[object]:
    # The unknown may be anybody, so they are treated as one person.
    return [*bursts_of(picture), ("signer", picture.signer)]


def split_people(pictures: Sequence[Picture], shares: Mapping[str, float], seed: int) -> dict[str, list[str]]:
    """Part → paths, each person wholly in one part; sizes near ``shares``, every class everywhere where possible.

    A part of ``shares`` that is not train, validation or test is used up too, and left out.
    """
    units = make_units(pictures, _people)
    unknown = {picture.path for picture in pictures if picture.signer is None}
    fixed = [unit for unit in units if not unknown.isdisjoint(unit.paths)]
    free = [unit for unit in shuffled(units, seed) if unit not in fixed]
    # Large people first, or the last of them overfills a part; within a factor of two the seed decides.
    free.sort(key=lambda unit: -len(unit.paths).bit_length())
    sides: dict[str, list[Unit]] = {part: [] for part in shares if shares[part]}
    sides["train"].extend(fixed)
    _fill(sides, free, shares)
    _cover(sides, set(map(id, fixed)))
    return {part: [p for unit in sides.get(part, []) for p in unit.paths] for part in shares}


def _fill(sides: dict[str, list[Unit]], units: Sequence[Unit], shares: Mapping[str, float]) -> None:
    """Give each person to the part where the sum of (have − want)² / want over classes then is smallest."""
    total = sum((unit.labels for units_ in (*sides.values(), units) for unit in units_), Counter[str]())
    have = {part: sum((unit.labels for unit in sides[part]), Counter[str]()) for part in sides}

    def cost(part: str, unit: Unit) -> float:
        # Only what changes: (h + n − w)² − (h − w)² = n (2 (h − w) + n).
        return sum(
            n * (2 * (have[part][label] - want) + n) / want
            for label, n in unit.labels.items()
            if (want := shares[part] * total[label])
        )

    for unit in units:
        part = min(sides, key=lambda part: cost(part, unit))
        sides[part].append(unit)
        have[part].update(unit.labels)


def _cover(sides: dict[str, list[Unit]], fixed: set[int]) -> None:
    """Move people until every class is in every part, where people are enough; ``train`` comes first."""
    labels = sorted({label for units in sides.values() for unit in units for label in unit.labels})
    wanted = [part for part in ("train", "test", "validation") if part in sides]
    for part in wanted:
        for label in labels:
            if any(label in unit.labels for unit in sides[part]):
                continue
            movable = [
                (len(unit.paths), unit.name, donor, unit)
                for donor in sides
                if donor != part
                for unit in sides[donor]
                if id(unit) not in fixed and label in unit.labels and _spared(sides, donor, unit, part)
            ]
            if movable:
                _, _, donor, unit = min(movable, key=lambda found: found[:3])
                sides[donor].remove(unit)
                sides[part].append(unit)


def _spared(sides: Mapping[str, list[Unit]], donor: str, unit: Unit, part: str) -> bool:
    """Whether a part can give a person away: without losing a class, or to ``train`` without losing all."""
    if donor not in ("train", "validation", "test") or (part == "train" and len(sides[donor]) > 1):
        return True
    others = [other for other in sides[donor] if other is not unit]
    return all(any(label in other.labels for other in others) for label in unit.labels)
