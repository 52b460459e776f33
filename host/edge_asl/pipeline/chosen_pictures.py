"""Which pictures a finished bundle is measured on, and whether it has learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edge_asl.datasets.digest import known_contents
from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.remarks import tell
from edge_asl.datasets.small_copies import told_of_small_copies
from edge_asl.datasets.split_files import peek_split, read_split
from edge_asl.datasets.splits import describe_left_out, describe_part, pictures_of
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.pipeline.bundle import CONTENTS, SPLIT, work_folder
from edge_asl.progress import Progress
from edge_asl_device.contract.bundle import Bundle

AUTO, ALL = "auto", "all"
ALL_PICTURES = "all pictures"
_LEARNED = "these include the pictures that the bundle was trained on; expect lower accuracy on other people"


_ELSEWHERE = (
    "it was trained elsewhere, so nobody here can tell whether it has learned from some of these pictures; if it has, "
    "the figures flatter it"
)
_BEFORE = "it was made from {}, which may have learned from some of these pictures; if it has, the figures flatter it"


class Chosen(NamedTuple):
    """The pictures to measure on."""

    pictures: list[Picture]
    split: str
    """How to call them: ``test by signer``."""
    warning: str | None
    """Where the figures would flatter the model."""


def read_known(
    bundle: Bundle, data: Sequence[Path], layout: str, progress: Progress, signer_pattern: str | None = None
) -> Dataset:
    """The pictures whose labels the bundle knows: without the others, as in the build, the digests agree.

    Raises:
        DataError: the folders cannot be read, or show none of the bundle's signs.
    """
    known = Choice(frozenset(), frozenset(bundle.labels))
    dataset = read_dataset(data, layout, signer_pattern=signer_pattern, labels=known, least=1)
    dataset = told_of_small_copies(dataset, progress)
    tell(dataset, progress)
    if not dataset.pictures:
        raise DataError(
            f"{dataset.name}: expected pictures of {', '.join(bundle.labels)}, found only "
            f"{', '.join(order_labels(dataset.left_out))}; this bundle was built for other signs"
        )
    if dataset.left_out:
        progress.say(f"{describe_left_out(dataset)}: not in this bundle")
    return dataset


def built_from(bundle: Bundle, dataset: Dataset) -> bool:
    """Whether these are exactly the pictures that the bundle was built from."""
    return bundle.manifest.provenance.data_digest == dataset.digest


def choose_part(bundle: Bundle, dataset: Dataset, part: str) -> Chosen:
    """The pictures of ``part`` of the bundle's own split, ``train``, ``validation`` or ``test``; ``all``; or ``auto``:
    test if the bundle was built from these data, else all.

    Raises:
        DataError: no split of these data is known.
    """
    same = built_from(bundle, dataset)
    if part == ALL or (part == AUTO and not same):
        learned = same or learned_from(bundle, dataset)
        return Chosen(
            list(dataset.pictures), ALL_PICTURES, trained_elsewhere(bundle) or (_LEARNED if learned else before(bundle))
        )
    part = "test" if part == AUTO else part
    path = work_folder(bundle.folder) / SPLIT
    if not path.is_file():
        raise DataError(f"{path}: the split that the bundle was built with is missing; --split all takes every picture")
    if not same:
        raise DataError(
            f"{dataset.name}: expected the pictures that {bundle.folder} was built from, found others; name that "
            "build's folders, and its data.signer_pattern with --signer-pattern if it had one; or use --split all"
        )
    split = read_split(path, dataset)
    used = f"the {part} part was used in training; expect lower accuracy on other people" if part != "test" else None
    return Chosen(pictures_of(dataset, split, part), describe_part(split, part), trained_elsewhere(bundle) or used)


def trained_elsewhere(bundle: Bundle) -> str | None:
    """A warning of a bundle that was imported: its working folder says what calibrated it, not what it learned from."""
    return None if bundle.manifest.provenance.imported is None else _ELSEWHERE


def before(bundle: Bundle) -> str | None:
    """A warning of a bundle that was improved: its working folder says what it learned at its site, not before."""
    origin = bundle.manifest.provenance.improved
    return None if origin is None else _BEFORE.format(f"{origin.name} {origin.version}")


def learned_from(bundle: Bundle, dataset: Dataset) -> frozenset[str]:
    """The paths of those pictures that the bundle was built from, by their content, without those of its test part.

    It finds them where the digests differ: only one of the build's folders is given, or people were named by a pattern.
    It knows no more than the build's working folder does.
    """
    if not knows_its_pictures(bundle):
        return frozenset()
    work = work_folder(bundle.folder)
    known, tests = known_contents(work / CONTENTS), set(peek_split(work / SPLIT).parts["test"])
    return frozenset(
        picture.path
        for picture in dataset.pictures
        if dataset.contents[picture.path] in known
        # Where a build had several folders, its paths begin with the folder's name.
        and not tests & {picture.path, f"{picture.source}/{picture.path}"}
    )


def knows_its_pictures(bundle: Bundle) -> bool:
    """Whether the working folder of this bundle's build, and not of another's, is there to say which they are."""
    work = work_folder(bundle.folder)
    if not ((work / CONTENTS).is_file() and (work / SPLIT).is_file()):
        return False
    return peek_split(work / SPLIT).data_digest == bundle.manifest.provenance.data_digest


def choose_signs(pictures: Sequence[Picture], only: Choice | None, split: str) -> tuple[list[Picture], str]:
    """The pictures of the signs that are asked for, and how to call them.

    Raises:
        DataError: a sign was asked for by its name that no picture shows, or none is left.
    """
    if only is None:
        return list(pictures), split
    chosen = [picture for picture in pictures if only.has(picture.label)]
    found = order_labels(picture.label for picture in chosen)
    missing = order_labels(only.named.difference(found))
    if missing or not chosen:
        has = ", ".join(order_labels(picture.label for picture in pictures))
        raise DataError(f"--only: found no picture of {', '.join(missing) or 'these signs'}, only of {has}")
    return chosen, f"{split}, only {' '.join(found)}"
