"""What can be wrong with a data set: one function for each kind of problem, from facts to findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from edge_asl.datasets.duplicates import near_duplicates
from edge_asl.datasets.labels import is_known, label_in_name
from edge_asl.datasets.listing import Issue, Listing, Severity, stem_of
from edge_asl.datasets.picture_facts import LARGE_PIXELS, SMALL_SIDE, PictureFacts
from edge_asl.datasets.types import Picture, Split

SHOWN = 5
"""Paths named in a finding; ``count`` says how many there are."""
FEW = 20
UNEVEN = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One kind of problem, and what to do about it."""

    kind: str
    severity: Severity
    what: str
    fix: str
    count: int = 1
    paths: tuple[str, ...] = ()
    """The first few of ``count``, relative to the data folder."""


_DEFECTS: dict[str, tuple[Severity, str]] = {
    "empty": ("error", "remove it"),
    "unreadable": ("error", "remove it, or copy it again from the original"),
    "truncated": ("error", "copy it again from the original, or remove it: the missing part would train as grey"),
    "no-end": ("warning", "look at it; copy it again if its lower edge is grey"),
    "too-large": ("error", "scale it down; the model sees 224 pixels at most"),
    "format": ("error", "convert it to JPEG or PNG; what is no picture, download again"),
    "suffix": ("note", "rename it; harmless otherwise, as files are read by content"),
}


def from_issues(issues: Iterable[Issue]) -> Iterator[Finding]:
    """What the reader noticed, one finding per kind."""
    kinds: dict[tuple[str, Severity], list[Issue]] = defaultdict(list)
    for issue in issues:
        kinds[issue.kind, issue.severity].append(issue)
    for (kind, severity), same in kinds.items():
        yield from _finding(kind, severity, [issue.path for issue in same], same[0].what, same[0].fix)


def defects(pictures: Sequence[Picture], facts: Sequence[PictureFacts]) -> Iterator[Finding]:
    """Files that do not decode, or are not what their suffix says."""
    for kind, (severity, fix) in _DEFECTS.items():
        same = [(p.path, fact.detail) for p, fact in zip(pictures, facts, strict=True) if fact.defect == kind]
        if same:
            yield from _finding(kind, severity, [path for path, _ in same], same[0][1], fix)


def sizes(pictures: Sequence[Picture], facts: Sequence[PictureFacts]) -> Iterator[Finding]:
    """Pictures needlessly large, or too small to show fingers."""
    both = list(zip(pictures, facts, strict=True))
    large = [p.path for p, fact in both if fact.width * fact.height > LARGE_PIXELS]
    what = f"larger than {LARGE_PIXELS // 1_000_000} megapixels: slow to read, no benefit to the model"
    yield from _finding("large", "note", large, what, "scale down if disk space or time matter")
    decoded = [(p, fact) for p, fact in both if fact.perceptual_hash is not None]
    small = [p.path for p, fact in decoded if min(fact.width, fact.height) < SMALL_SIDE]
    what = f"a side below {SMALL_SIDE} pixels: a model trained on such pictures does not suit a camera"
    yield from _finding("small", "warning", small, what, "use larger pictures")


def names(listing: Listing) -> Iterator[Finding]:
    """Files named after another class, and classes outside the alphabet."""
    labels = {picture.label for picture in listing.pictures}
    wrong = [p.path for p in listing.pictures if _misnamed(p, labels)]
    what = "the file name starts with a different class from the one it is filed under"
    yield from _finding("misnamed", "warning", wrong, what, "look at them; move or rename any that are misplaced")
    words = sorted(label for label in labels if not is_known(label))
    what = "classes other than letters, digits, space, del and nothing"
    yield from _finding("own-words", "note", words, what, "keep them if intended; otherwise rename or remove them")


def _misnamed(picture: Picture, labels: set[str]) -> bool:
    said = label_in_name(stem_of(picture.path))
    # Folders Del, Nothing and Space commonly contain D304.jpg, N0.jpg, S12.jpg.
    return said in labels and said != picture.label and not picture.label.lower().startswith(said.lower())


def balance(listing: Listing) -> Iterator[Finding]:
    """Classes with too few pictures, or far fewer than others."""
    per_class = Counter(picture.label for picture in listing.pictures)
    if len(per_class) < 2:
        what = f"expected two classes or more, found {f'only class {next(iter(per_class))}' if per_class else 'none'}"
        yield Finding("classes", "error", what, "add a folder of pictures for each sign")
        return
    few = sorted(label for label, size in per_class.items() if size < FEW)
    what, fix = f"fewer than {FEW} pictures in a class", "take more, of other people in other rooms"
    yield from _finding("few", "warning", [f"{label}: {per_class[label]}" for label in few], what, fix)
    ordered = sorted(per_class, key=lambda label: (per_class[label], label))
    least, most = ordered[0], ordered[-1]
    if per_class[most] > UNEVEN * per_class[least]:
        what = f"{per_class[most] / per_class[least]:.0f} times as many pictures of {most} as of {least}"
        yield Finding("uneven", "warning", what, f"add pictures of {least}, or remove some of {most}")


def people(listing: Listing) -> Iterator[Finding]:
    """Whether people are known, and enough of them show each class."""
    showing: dict[str, set[str]] = defaultdict(set)
    for picture in listing.pictures:
        if picture.signer is not None:
            showing[picture.label].add(picture.signer)
    persons = set().union(*showing.values())
    if not persons:
        what = "no person is named: accuracy on a part of these pictures says nothing about other people"
        fix = "name people in signers.csv (file,label,signer) or with --signer-pattern"
        yield Finding("people", "warning", what, fix)
        return
    if len(persons) < 3:
        what = f"only {len(persons)} named: training, validation and test need one each"
        yield Finding("people", "warning", what, "add pictures of more people: too few in training limit the accuracy")
    lonely = sorted(label for label in {p.label for p in listing.pictures} if len(showing[label]) < 2)
    if len(persons) > 1 and lonely:
        what = "classes that fewer than two people show: accuracy on other people cannot be measured"
        yield from _finding("one-person", "warning", lonely, what, "add pictures of other people showing them")


_LEAK_FIX = {
    "signer": "look at them: if one person has two names, correct the names",
    "block": "name people and split by signer, or use larger blocks; until then, test on pictures of other people",
}
_OTHER_LEAK_FIX = "split by signer or by block; until then, test on pictures of other people"


def copies(pictures: Sequence[Picture], facts: Sequence[PictureFacts]) -> Iterator[Finding]:
    """The same bytes twice: under two labels, one is wrong; under one label, the picture counts double."""
    same: dict[str, list[Picture]] = defaultdict(list)
    for picture, fact in zip(pictures, facts, strict=True):
        if fact.sha256 and fact.defect != "empty":
            same[fact.sha256].append(picture)
    groups = [group for group in same.values() if len(group) > 1]
    conflicting = [group for group in groups if _labels(group) > 1]
    if conflicting:
        paths = [picture.path for group in conflicting for picture in group]
        what = f"the same picture under two labels ({' and '.join(p.label for p in conflicting[0][:2])})"
        yield from _finding("two-labels", "error", paths, what, "look at them and remove the wrong ones")
    paths = [picture.path for group in groups if _labels(group) == 1 for picture in group[1:]]
    yield from _finding("copies", "warning", paths, "exact copies of another picture of the same class", "remove them")


def thumbnails(pictures: Sequence[Picture], facts: Sequence[PictureFacts]) -> Iterator[Finding]:
    """Small copies of other pictures, as photo programs and network drives keep them: they count as pictures twice."""
    both = [(p.path, f) for p, f in zip(pictures, facts, strict=True) if f.perceptual_hash is not None]
    # Octaves of pixels: what is compared has at least twice as many, so that bursts of one camera are not compared.
    octaves: dict[int, list[int]] = defaultdict(list)
    for index, (_, fact) in enumerate(both):
        octaves[(fact.width * fact.height).bit_length()].append(index)
    hashes = np.array([fact.perceptual_hash for _, fact in both], np.uint64)
    pairs: list[str] = []
    for octave, small in sorted(octaves.items()):
        large = [index for other, some in octaves.items() if other > octave + 1 for index in some]
        twins = near_duplicates(hashes[large], hashes[small])
        pairs += [f"{both[i][0]} ~ {both[large[t]][0]}" for i, t in zip(small, twins, strict=True) if t >= 0]
    what = "small copies of larger pictures: each counts twice, and in training and test it is a leak"
    yield from _finding("thumbnails", "warning", pairs, what, "remove them")


def _labels(group: Sequence[Picture]) -> int:
    return len({picture.label for picture in group})


def leaks(pictures: Sequence[Picture], facts: Sequence[PictureFacts], split: Split) -> Iterator[Finding]:
    """Held-out pictures that look like a training picture: the model remembers them instead of recognising them."""
    hashes = {p.path: f.perceptual_hash for p, f in zip(pictures, facts, strict=True) if f.perceptual_hash is not None}
    train = [path for path in split.parts["train"] if path in hashes]
    held = [path for part in ("validation", "test") for path in split.parts[part] if path in hashes]
    if not train or not held:
        return
    known, asked = (np.array([hashes[path] for path in paths], np.uint64) for paths in (train, held))
    twins = near_duplicates(known, asked)
    pairs = [f"{path} ~ {train[twin]}" for path, twin in zip(held, twins, strict=True) if twin >= 0]
    share = len(pairs) / len(held)
    what = f"{share:.1%} of the held-out pictures look like a training picture (split by {split.method})"
    yield from _finding("leak", "warning", pairs, what, _LEAK_FIX.get(split.method, _OTHER_LEAK_FIX))


def _finding(kind: str, severity: Severity, paths: Sequence[str], what: str, fix: str) -> Iterator[Finding]:
    if paths:
        yield Finding(kind, severity, what, fix, len(paths), tuple(paths[:SHOWN]))
