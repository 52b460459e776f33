"""What a build and an evaluation say of their data: one line for each kind of oddity, with a count and an example."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from edge_asl.datasets.alike import classes_alike, people_alike
from edge_asl.datasets.labels import normalise_label
from edge_asl.datasets.listing import Issue, Listing, Severity
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.progress import Progress
from edge_asl_device.errors import visible


class Remarks(NamedTuple):
    """Lines, each without a full stop."""

    warnings: tuple[str, ...] = ()
    """Something is missing or in doubt: said, and shown in reports."""
    notes: tuple[str, ...] = ()
    """Something was decided: only said."""


def remarks_on(listing: Listing, hashes: Sequence[str] = ()) -> Remarks:
    """What to say of a listing that is sound; ``hashes``: of the pictures' contents, in their order, if known."""
    issues = [*listing.issues, *from_pictures(listing.pictures, listing.left_out)]
    issues += two_labels(listing.pictures, hashes) if hashes else []
    return Remarks(tuple(_lines(issues, "warning")), tuple(_lines(issues, "note")))


def from_pictures(pictures: Sequence[Picture], left_out: Mapping[str, int]) -> Iterator[Issue]:
    """What the pictures' names, classes and people tell, all of them together; of those left out, their classes.

    A class that is not in a bundle may be one that is, but for a letter of another script.
    """
    yield from classes_alike(Counter(picture.label for picture in pictures) + Counter(left_out))
    yield from people_alike(Counter(picture.signer for picture in pictures if picture.signer))
    yield from merged_folders(pictures)


def with_issues(dataset: Dataset, issues: Sequence[Issue]) -> Dataset:
    """The same data set with more to say of it."""
    return dataset._replace(warnings=(*dataset.warnings, *_lines(issues, "warning")))


def tell(said: Dataset | Remarks, progress: Progress) -> None:
    """Say what there is to say of the data."""
    for line in said.warnings:
        progress.say(f"warning: {line}")
    for line in said.notes:
        progress.say(f"  note: {line}")


def _lines(issues: Iterable[Issue], severity: Severity) -> Iterator[str]:
    kinds: dict[str, list[Issue]] = defaultdict(list)
    for issue in issues:
        if issue.severity == severity:
            kinds[issue.kind].append(issue)
    for same in kinds.values():
        first, count = same[0], len(same)
        more = f" and {count - 1} more like it" if count > 1 else ""
        remedy = f"; {first.fix}" if first.fix and severity != "note" else ""
        yield visible(f"{f'{count} × ' if count > 1 else ''}{first.path}{more}: {_what(same)}{remedy}")


_EACH = {"renamed": 40, "spellings": 10, "signers": 10, "class-without-picture": 40, "class-twice": 10}
_EACH |= {"another-script": 10, "copied-class": 10}
"""Kinds of which each is told, not an example: up to so many."""


def _what(same: Sequence[Issue]) -> str:
    most = _EACH.get(same[0].kind, 1)
    told = list(dict.fromkeys(issue.what for issue in same))
    left = f"; and {len(told) - most} more" if 1 < most < len(told) else ""
    return "; ".join(told[:most]) + left


def merged_folders(pictures: Iterable[Picture]) -> Iterator[Issue]:
    """Folders whose pictures count as one class though they are called differently: ``A`` and ``a``, é in two codes."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for folder, label in {(picture.path.rpartition("/")[0], picture.label) for picture in pictures}:
        spellings[label].update(part for part in folder.split("/") if part and _as_label(part) == label)
    for label, several in sorted(spellings.items()):
        names = [name if name == unicodedata.normalize("NFC", name) else ascii(name) for name in sorted(several)]
        what = f"folders merged into one class {label}: {', '.join(names)}"
        if len(several) > 1:
            for name in sorted(several):
                yield Issue("spellings", "note", name, what, "keep them if they are meant to be one class")


def _as_label(name: str) -> str | None:
    """A folder's name as a label; None where it is none, as of a folder around classes."""
    try:
        return normalise_label(name)
    except DataError:
        return None


def two_labels(pictures: Sequence[Picture], hashes: Sequence[str]) -> Iterator[Issue]:
    """The same bytes under two labels, of which one is wrong."""
    first: dict[str, Picture] = {}
    for picture, content in zip(pictures, hashes, strict=True):
        other = first.setdefault(content, picture)
        if other.label != picture.label:
            what = f"the same picture as {other.path}, under another label"
            yield Issue("two-labels", "warning", picture.path, what, "look at them and remove the wrong one")
