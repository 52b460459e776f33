"""What a build and an evaluation say of their data: one line for each kind of oddity, with a count and an example."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from edge_asl.datasets.listing import Issue, Listing, Severity
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.progress import Progress


class Remarks(NamedTuple):
    """Lines, each without a full stop."""

    warnings: tuple[str, ...] = ()
    """Something is missing or in doubt: said, and shown in reports."""
    notes: tuple[str, ...] = ()
    """Something was decided: only said."""


def remarks_on(listing: Listing, hashes: Sequence[str] = ()) -> Remarks:
    """What to say of a listing that is sound; ``hashes``: of the pictures' contents, in their order, if known."""
    issues = [*listing.issues, *same_but_for_case(listing.pictures)]
    issues += two_labels(listing.pictures, hashes) if hashes else []
    return Remarks(tuple(_lines(issues, "warning")), tuple(_lines(issues, "note")))


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
        yield f"{f'{count} × ' if count > 1 else ''}{first.path}{more}: {first.what}{remedy}"


def same_but_for_case(pictures: Iterable[Picture]) -> Iterator[Issue]:
    """Classes such as hello and Hello, which are two: names are as the user wrote them."""
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for picture in pictures:
        spelled[picture.label.casefold()][picture.label] += 1
    for several in spelled.values():
        if len(several) > 1:
            names = " and ".join(f"{label} ({count})" for label, count in sorted(several.items()))
            what = "two classes that differ only in capitals"
            yield Issue("capitals", "warning", names, what, "rename one if they are meant to be one class")


def two_labels(pictures: Sequence[Picture], hashes: Sequence[str]) -> Iterator[Issue]:
    """The same bytes under two labels, of which one is wrong."""
    first: dict[str, Picture] = {}
    for picture, content in zip(pictures, hashes, strict=True):
        other = first.setdefault(content, picture)
        if other.label != picture.label:
            what = f"the same picture as {other.path}, under another label"
            yield Issue("two-labels", "warning", picture.path, what, "look at them and remove the wrong one")
