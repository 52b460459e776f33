"""Splitting by person, and finding people in several parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge_asl.datasets.types import Picture
from edge_asl.datasets.units import Unit, bursts_of, make_units, shuffled


def in_several_parts(
    pictures: Iterable[Picture], parts: Mapping[str, Sequence[str]], who: Callable[[Picture], str | None]
) -> list[str]:
    """The people (or bursts, whatever ``who`` gives) with pictures in more than one part, sorted."""
    part_of = {path: part for part, paths in parts.items() for path in paths}
    seen: dict[str, str] = {}
    several: set[str] = set()
    for picture in pictures:
        name, part = who(picture), part_of.get(picture.path)
        if name is not None and part is not None and seen.setdefault(name, part) != part:
            several.add(name)
    return sorted(several)


def shares_people(pictures: Iterable[Picture], how: str) -> bool:
    """Whether a person who is measured may have been trained on: always, unless split by signers who are all known, or
    such signers are left out in turn, and are two or more.
    """
    return how not in ("signer", "left-out") or not all_named([picture.signer for picture in pictures])


def all_named(signers: Sequence[str | None]) -> bool:
    """Whether every picture is known to show one of several people: only then can some be kept from training."""
    return None not in signers and len(set(signers)) > 1


def _people(picture: Picture) -> Iterable[object]:
    # Unknown people may be anyone, so they count as one person.
    return [*bursts_of(picture), ("signer", picture.signer)]


def split_people(pictures: Sequence[Picture], shares: Mapping[str, float], seed: int) -> dict[str, list[str]]:
    """Part → paths, each person in one part only; sizes near ``shares``, every class in every part if possible."""
    units = make_units(pictures, _people)
    unknown = {picture.path for picture in pictures if picture.signer is None}
    fixed = [unit for unit in units if not unknown.isdisjoint(unit.paths)]
    free = [unit for unit in shuffled(units, seed) if unit not in fixed]
    # People with many pictures first, or the last of them overfills a part; within a factor of two the seed decides.
    free.sort(key=lambda unit: -len(unit.paths).bit_length())
    parts: dict[str, list[Unit]] = {part: [] for part in shares if shares[part]}
    parts["train"].extend(fixed)
    _fill(parts, free, shares)
    _cover(parts, set(map(id, fixed)))
    return {part: [p for unit in parts.get(part, []) for p in unit.paths] for part in shares}


def _fill(parts: dict[str, list[Unit]], units: Sequence[Unit], shares: Mapping[str, float]) -> None:
    """Assign each person to the part that leaves the smallest sum of (have − want)² / want over the classes."""
    total = sum((unit.labels for units_ in (*parts.values(), units) for unit in units_), Counter[str]())
    have = {part: sum((unit.labels for unit in parts[part]), Counter[str]()) for part in parts}

    def cost(part: str, unit: Unit) -> float:
        # Only what changes: (h + n − w)² − (h − w)² = n (2 (h − w) + n).
        return sum(
            n * (2 * (have[part][label] - want) + n) / want
            for label, n in unit.labels.items()
            if (want := shares[part] * total[label])
        )

    for unit in units:
        part = min(parts, key=lambda part: cost(part, unit))
        parts[part].append(unit)
        have[part].update(unit.labels)


def _cover(parts: dict[str, list[Unit]], fixed: set[int]) -> None:
    """Move people until every class is in every part, as far as there are enough people; ``train`` comes first."""
    labels = sorted({label for units in parts.values() for unit in units for label in unit.labels})
    wanted = [part for part in ("train", "test", "validation") if part in parts]
    for part in wanted:
        for label in labels:
            if any(label in unit.labels for unit in parts[part]):
                continue
            movable = [
                (len(unit.paths), unit.name, donor, unit)
                for donor in parts
                if donor != part
                for unit in parts[donor]
                if id(unit) not in fixed and label in unit.labels and _can_spare(parts, donor, unit, part)
            ]
            if movable:
                _, _, donor, unit = min(movable, key=lambda found: found[:3])
                parts[donor].remove(unit)
                parts[part].append(unit)


def _can_spare(parts: Mapping[str, list[Unit]], donor: str, unit: Unit, part: str) -> bool:
    """Whether a part can give a person away: without losing a class, or to ``train`` without becoming empty."""
    if part == "train" and len(parts[donor]) > 1:
        return True
    others = [other for other in parts[donor] if other is not unit]
    return all(any(label in other.labels for other in others) for label in unit.labels)
