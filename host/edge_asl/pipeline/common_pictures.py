"""On which pictures several bundles can be compared: signs that all know, and nothing that one has learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edge_asl.datasets.digest import dataset_digest
from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.pipeline.chosen_pictures import (
    ALL,
    ALL_PICTURES,
    AUTO,
    Chosen,
    before,
    built_from,
    choose_part,
    choose_signs,
    knows_its_pictures,
    learned_from,
    trained_elsewhere,
)
from edge_asl_device.contract.bundle import Bundle

_UNKNOWN = (
    "the working folder of its build is not beside it, so nobody can tell whether it has learned from some of these "
    "pictures; compare on pictures of people of whom you know that it has not"
)


class Common(NamedTuple):
    """The pictures that all bundles are measured on."""

    pictures: list[Picture]
    split: str
    """How to call them."""
    left_out: dict[str, int]
    """Label → pictures of signs that not every bundle knows."""
    unknown: dict[str, tuple[str, ...]]
    """Bundle → which of these it does not know."""
    learned: dict[str, int]
    """Bundle → pictures that were left out because it was built with them and not tested on them."""
    warnings: tuple[str, ...]


def common_pictures(bundles: Mapping[str, Bundle], dataset: Dataset, part: str, only: Choice | None) -> Common:
    """The pictures of ``part`` whose signs all bundles know; with ``auto`` those that none has learned from.

    Raises:
        DataError: none is left, or no bundle has such a part of these data.
    """
    signs = _signs_of(bundles, dataset, only)
    chosen = _fair_to_each(bundles, dataset, part)
    candidates = [picture for picture in dataset.pictures if picture.label in signs.shared]
    paths = {name: {picture.path for picture in one.pictures} for name, one in chosen.items()}
    pictures = [picture for picture in candidates if all(picture.path in own for own in paths.values())]
    asked = [picture for picture in candidates if only is None or only.has(picture.label)]
    missing = {name: sum(picture.path not in own for picture in asked) for name, own in paths.items()}
    if asked and not set(asked) & set(pictures):
        raise DataError(_nothing_left(dataset, part, len(asked), missing))
    split = " and ".join(_distinct(one.split for one in chosen.values()))
    if split == ALL_PICTURES and any(missing.values()):
        doubt = any(one.warning for one in chosen.values())
        split = f"pictures that none {'is known to have' if doubt else 'has'} learned from"
    pictures, split = choose_signs(pictures, only, split)
    return Common(
        pictures,
        split,
        signs.left_out,
        {name: labels for name, labels in signs.unknown.items() if labels},
        {name: count for name, count in missing.items() if count and part == AUTO},
        tuple(f"{name}: {one.warning}" for name, one in chosen.items() if one.warning),
    )


def of_labels(dataset: Dataset, labels: Iterable[str]) -> Dataset:
    """The pictures of these labels alone, with the digest that a data set of them alone has."""
    wanted = set(labels)
    pictures = tuple(picture for picture in dataset.pictures if picture.label in wanted)
    digest = dataset_digest(pictures, [dataset.contents[picture.path] for picture in pictures])
    return dataset._replace(pictures=pictures, digest=digest, labels=order_labels(p.label for p in pictures))


def _fair_to_each(bundles: Mapping[str, Bundle], dataset: Dataset, part: str) -> dict[str, Chosen]:
    """Bundle → the pictures that it may be measured on."""
    known = {name: of_labels(dataset, bundle.labels) for name, bundle in bundles.items()}
    if part not in (AUTO, ALL) and not any(built_from(bundles[name], view) for name, view in known.items()):
        raise DataError(
            f"{dataset.name}: --split {part}: expected the pictures that one of these bundles was built from, found "
            "others; --split all takes every picture"
        )
    return {name: _fair_to(bundles[name], view, part) for name, view in known.items()}


def _fair_to(bundle: Bundle, view: Dataset, part: str) -> Chosen:
    """Of the bundle's own data ``part``, of others all, but with ``auto`` not those that it is known to have used."""
    if built_from(bundle, view):
        return choose_part(bundle, view, part)
    if not knows_its_pictures(bundle):
        return Chosen(list(view.pictures), ALL_PICTURES, _UNKNOWN)
    if part != AUTO:
        return choose_part(bundle, view, ALL)
    learned = learned_from(bundle, view)
    unlearned = [picture for picture in view.pictures if picture.path not in learned]
    return Chosen(unlearned, ALL_PICTURES, trained_elsewhere(bundle) or before(bundle))


class _Signs(NamedTuple):
    shared: set[str]
    """The labels that all bundles know."""
    left_out: dict[str, int]
    unknown: dict[str, tuple[str, ...]]


def _signs_of(bundles: Mapping[str, Bundle], dataset: Dataset, only: Choice | None) -> _Signs:
    shared = {label for label in dataset.labels if all(label in bundle.labels for bundle in bundles.values())}
    if not shared:
        raise DataError(
            f"{dataset.name}: expected pictures of signs that all these bundles know, found only "
            f"{', '.join(dataset.labels)}; compare bundles that were built for the same signs"
        )
    counts = Counter(picture.label for picture in dataset.pictures if picture.label not in shared)
    left_out = {label: counts[label] for label in order_labels(counts) if only is None or only.has(label)}
    unknown = {
        name: tuple(label for label in left_out if label not in bundle.labels) for name, bundle in bundles.items()
    }
    if only is not None and (asked := order_labels(only.named & left_out.keys())):
        lacking = ", ".join(name for name, labels in unknown.items() if asked[0] in labels)
        raise DataError(f"--only: not every bundle knows {asked[0]}: {lacking} does not; leave it out")
    return _Signs(shared, left_out, unknown)


def _nothing_left(dataset: Dataset, part: str, candidates: int, learned: Mapping[str, int]) -> str:
    if part != AUTO:
        return (
            f"{dataset.name}: --split {part}: the bundles have no picture of that part in common; --split all takes all"
        )
    built = ", ".join(f"{name} was built with {count}" for name, count in learned.items() if count)
    return (
        f"{dataset.name}: none of the {candidates} pictures is left that no bundle has learned from ({built}); name "
        "pictures of other people, or take every picture with --split all"
    )


def _distinct(splits: Iterable[str]) -> list[str]:
    """Each once; that one bundle allows all pictures says nothing if another does not."""
    found = list(dict.fromkeys(splits))
    return [split for split in found if split != ALL_PICTURES] or found
