"""What can be wrong with a data set, each as a function from facts to findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from edge_asl.datasets.duplicates import alike
from edge_asl.datasets.labels import is_known, label_in_name, normalise_label
from edge_asl.datasets.listing import Listing, Oddity, Severity, stem_of
from edge_asl.datasets.picture_facts import LARGE_PIXELS, SMALL_SIDE, Probe
from edge_asl.datasets.types import Picture, Split

SHOWN = 5
"""Paths named per finding; the count says how many there are."""
FEW = 20
UNEVEN = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One kind of thing found, and what to do about it."""

    kind: str
    severity: Severity
    what: str
    fix: str
    count: int = 1
    paths: tuple[str, ...] = ()
    """The first few of ``count``, relative to the data folder."""


_BROKEN: dict[str, tuple[Severity, str]] = {
    "empty": ("error", "remove it"),
    "unreadable": ("error", "remove it, or copy it again from where it came"),
    "truncated": ("error", "copy it again from where it came, or remove it: what is missing would train as grey"),
    "no-end": ("warning", "look at it; copy it again if its lower edge is grey"),
    "too-large": ("error", "scale it down; a hand fills 224 pixels at most"),
    "format": ("error", "convert it to JPEG or PNG"),
    "suffix": ("note", "rename it; it is read by its content, so nothing breaks"),
}


def from_oddities(oddities: Iterable[Oddity]) -> Iterator[Finding]:
    """What the reader stumbled over, one finding per kind."""
    kinds: dict[tuple[str, Severity], list[Oddity]] = defaultdict(list)
    for oddity in oddities:
        kinds[oddity.kind, oddity.severity].append(oddity)
    for (kind, severity), same in kinds.items():
        yield _finding(kind, severity, [oddity.path for oddity in same], same[0].what, same[0].fix)


def from_probes(pictures: Sequence[Picture], probes: Sequence[Probe]) -> Iterator[Finding]:
    """Files that do not decode, or are not what their suffix says."""
    for kind, (severity, fix) in _BROKEN.items():
        same = [(p.path, probe.what) for p, probe in zip(pictures, probes, strict=True) if probe.kind == kind]
        if same:
            yield _finding(kind, severity, [path for path, _ in same], same[0][1], fix)


def sizes(pictures: Sequence[Picture], probes: Sequence[Probe]) -> Iterator[Finding]:
    """Pictures larger than a camera's habit, or too small to show fingers."""
    both = list(zip(pictures, probes, strict=True))
    large = [p.path for p, probe in both if probe.width * probe.height > LARGE_PIXELS]
    if large:
        what = f"larger than {LARGE_PIXELS // 1_000_000} megapixels: slow to read, no use to the model"
        yield _finding("large", "note", large, what, "scale down where disk or time matter")
    decoded = [(p, probe) for p, probe in both if probe.looks is not None]
    small = [p.path for p, probe in decoded if min(probe.width, probe.height) < SMALL_SIDE]
    if small:
        what = f"a side below {SMALL_SIDE} pixels: a model of such pictures cannot serve a camera"
        yield _finding("small", "warning", small, what, "use larger pictures")


def names(listing: Listing) -> Iterator[Finding]:
    """Files that begin with another class's name, classes that no alphabet has, spellings that fell together."""
    labels = {picture.label for picture in listing.pictures}
    wrong = [p.path for p in listing.pictures if _misnamed(p, labels)] if listing.layout != "flat" else []
    if wrong:
        what = "the file name begins with another class than the one it counts as"
        yield _finding("misnamed", "warning", wrong, what, "look at them; move or rename what is misplaced")
    if words := sorted(label for label in labels if not is_known(label)):
        what = "classes that are no letter, digit, space, del or nothing"
        yield _finding("own-words", "note", words, what, "leave them if they are meant; else rename or remove them")
    spellings: dict[str, set[str]] = defaultdict(set)
    for picture in listing.pictures if listing.layout == "folders" else ():
        folders = picture.path.split("/")[:-1]
        spellings[picture.label].update(part for part in folders if normalise_label(part) == picture.label)
    for label, several in sorted(spellings.items()):
        if len(several) > 1:
            what = f"folders that count as one class {label}: {', '.join(sorted(several))}"
            yield _finding("spellings", "note", sorted(several), what, "leave them if they are meant to be one class")


def _misnamed(picture: Picture, labels: set[str]) -> bool:
    said = label_in_name(stem_of(picture.path))
    # Folders Del, Nothing and Space commonly hold D304.jpg, N0.jpg, S12.jpg.
    return said in labels and said != picture.label and not picture.label.lower().startswith(said.lower())


def balance(listing: Listing) -> Iterator[Finding]:
    """Classes with too few pictures, or far fewer than others."""
    sizes_ = Counter(picture.label for picture in listing.pictures)
    if len(sizes_) < 2:
        what = f"expected two classes or more, found {f'only class {next(iter(sizes_))}' if sizes_ else 'none'}"
        yield Finding("classes", "error", what, "add a folder of pictures for each sign to tell apart")
        return
    few = sorted(label for label, size in sizes_.items() if size < FEW)
    if few:
        what = f"fewer than {FEW} pictures in a class"
        fix = "take more, of other people in other rooms"
        yield _finding("few", "warning", [f"{label}: {sizes_[label]}" for label in few], what, fix)
    ordered = sorted(sizes_, key=lambda label: (sizes_[label], label))
    least, most = ordered[0], ordered[-1]
    if sizes_[most] > UNEVEN * sizes_[least]:
        what = f"{sizes_[most] / sizes_[least]:.0f} times as many pictures of {most} as of {least}"
        yield Finding("uneven", "warning", what, f"take more of {least}, or fewer of {most}")


def people(listing: Listing) -> Iterator[Finding]:
    """Whether persons are known, and enough of them show each class."""
    showing: dict[str, set[str]] = defaultdict(set)
    for picture in listing.pictures:
        if picture.signer is not None:
            showing[picture.label].add(picture.signer)
    persons = set().union(*showing.values())
    if not persons:
        what = "nobody is named: a score on a part of these pictures says nothing about other people"
        fix = "name people in signers.csv (file,label,signer) or by a signer pattern"
        yield Finding("people", "warning", what, fix)
        return
    if len(persons) < 3:
        what = f"only {len(persons)} named: train, validation and test need one each"
        yield Finding("people", "warning", what, "take pictures of more people: few in training limit the result")
    lonely = sorted(label for label in {p.label for p in listing.pictures} if len(showing[label]) < 2)
    if len(persons) > 1 and lonely:
        what = "classes that fewer than two people show: how others sign them cannot be judged"
        yield _finding("one-person", "warning", lonely, what, "take pictures of them with other people")


_LEAK_FIX = {
    "signer": "look at them: where one person bears two names, correct the names",
    "block": "name people and split by signer, or use larger blocks; judge on other people's pictures meanwhile",
}
_OTHER_LEAK_FIX = "split by signer or by block; judge on other people's pictures meanwhile"


def copies(pictures: Sequence[Picture], probes: Sequence[Probe]) -> Iterator[Finding]:
    """The same bytes twice: under two labels one is wrong; under one label it counts double."""
    same: dict[str, list[Picture]] = defaultdict(list)
    for picture, probe in zip(pictures, probes, strict=True):
        if probe.content and probe.kind != "empty":
            same[probe.content].append(picture)
    groups = [group for group in same.values() if len(group) > 1]
    torn = [group for group in groups if len({picture.label for picture in group}) > 1]
    if torn:
        paths = [picture.path for group in torn for picture in group]
        what = f"the same picture under two labels ({' and '.join(p.label for p in torn[0][:2])})"
        yield _finding("two-labels", "error", paths, what, "look at them and remove the wrong ones")
    paths = [picture.path for group in groups if group not in torn for picture in group[1:]]
    if paths:
        yield _finding("copies", "warning", paths, "exact copies of another picture of the same class", "remove them")


def leaks(pictures: Sequence[Picture], probes: Sequence[Probe], split: Split) -> Iterator[Finding]:
    """Held-out pictures that look like a training picture: a score on them is remembered, not recognised."""
    looks = {p.path: probe.looks for p, probe in zip(pictures, probes, strict=True) if probe.looks is not None}
    train = [path for path in split.parts["train"] if path in looks]
    held = [path for part in ("validation", "test") for path in split.parts[part] if path in looks]
    if not train or not held:
        return
    twins = alike(_hashes(looks, train), _hashes(looks, held))
    pairs = [f"{path} ~ {train[twin]}" for path, twin in zip(held, twins, strict=True) if twin >= 0]
    if pairs:
        share = len(pairs) / len(held)
        what = f"{share:.1%} of the held-out pictures look like one for training (split by {split.how})"
        yield _finding("leak", "warning", pairs, what, _LEAK_FIX.get(split.how, _OTHER_LEAK_FIX))


def _hashes(looks: dict[str, int], paths: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array([looks[path] for path in paths], np.uint64)


def _finding(kind: str, severity: Severity, paths: Sequence[str], what: str, fix: str) -> Finding:
    return Finding(kind, severity, what, fix, len(paths), tuple(paths[:SHOWN]))
