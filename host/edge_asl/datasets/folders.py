"""Layouts ``folders`` (one folder per class), ``people`` (the same for each person) and ``flat`` (named files)."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edge_asl.datasets.labels import is_known, is_renamed, label_in_name, normalise_label
from edge_asl.datasets.listing import (
    Folder,
    Issue,
    Listing,
    Severity,
    is_unread,
    list_folder,
    number_of,
    shot_of,
    skipped,
    stem_of,
    walk,
)
from edge_asl.datasets.signers import other_tables, person_of
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError

_PARTS = frozenset({"train", "test", "val", "valid", "validation", "training", "testing"})


class _Folders(NamedTuple):
    """The folders below the root that hold pictures: of one class each, or of several in files named after theirs."""

    classes: list[str]
    flats: list[str]
    above: list[str]
    """Those around these, the root's among them, as prefixes: ``""``, ``train/``."""


def list_folders(root: Path) -> Listing:
    """List ``A/…jpg``, also one level down: ``train/A/…``, ``asl_alphabet_train/A/…``, ``person/A/…``.

    Raises:
        DataError: class folders lie beside folders that contain class folders.
    """
    listing = Listing("folders", [], [])
    found = _find_folders(root, "", deepest=2)
    for prefix in found.above:
        listing.issues.extend(_beside(list_folder(root / prefix), prefix))
    for folder in found.classes:
        _add_class(listing, root, folder)
    listing.issues.extend(_classes_or_people(root, found.classes))
    for folder in found.flats:
        _add_flat(listing, root / folder, f"{folder}/")
    return listing


def holds_people(root: Path, folders: Sequence[str]) -> bool:
    """Whether these folders below ``root`` are persons, each with class folders of letters or digits."""
    if len(folders) < 2 or any(_is_part(name) for name in folders):
        return False
    return all(_holds_classes(list_folder(root / name)) for name in folders)


def list_people(root: Path) -> Listing:
    """List ``ann/A/…jpg``: a folder for each person, in it one for each class. ``ann-1``, ``ann-2`` are one person."""
    listing = Listing("people", [], [])
    here = list_folder(root)
    folders = here.folders
    listing.issues.extend(_beside(here, ""))
    for folder in folders:
        below = list_folder(root / folder)
        own = Listing("people", [], listing.issues)
        for name in below.pictures:
            what = "a picture beside the folders of a person's signs; skipped"
            own.issues.append(Issue("no-label", "warning", f"{folder}/{name}", what, "move it into its sign's folder"))
        own.issues.extend(skipped(f"{folder}/{name}", "litter") for name in below.litter)
        own.issues.extend(skipped(f"{folder}/{name}", "broken") for name in below.broken)
        own.issues.extend(skipped(f"{folder}/{name}", "other") for name in below.others if is_unread(name))
        for name in below.folders:
            _add_class(own, root, f"{folder}/{name}", empty="warning")
        listing.pictures.extend(_shown_by(folder, picture) for picture in own.pictures)
    listing.issues.extend(_sittings(folders))
    if folders:
        what = (
            "folders of classes lie in it and its neighbours, which count as people; if they are classes, "
            "move the pictures up into them"
        )
        listing.issues.append(Issue("people-layout", "note", folders[0], what, "nothing, if they are people"))
    return listing


def _shown_by(folder: str, picture: Picture) -> Picture:
    # A shot's name is unique only within its folder: two people may both have a photo 1.
    burst = f"{folder}/{picture.burst}" if picture.burst else None
    return picture._replace(signer=person_of(folder), burst=burst)


def _sittings(folders: Sequence[str]) -> Iterator[Issue]:
    people: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        people[person_of(folder)].append(folder)
    for person, several in people.items():
        if len(several) > 1:
            what = f"{several[0]} … {several[-1]} count as one person, {person}"
            yield Issue(
                "sittings", "note", several[0], what, "if they are different people, rename them without -NUMBER"
            )


def list_flat(root: Path) -> Listing:
    """List files named after their class: ``A_34.jpg``, ``A34.jpg``, ``del12.jpg``, ``A_test.jpg``."""
    listing = Listing("flat", [], [])
    _add_flat(listing, root, "")
    nameless = [issue for issue in listing.issues if issue.kind == "no-label"]
    if len(nameless) > len(listing.pictures):
        first = nameless[0]
        what = f"{len(nameless)} of {len(nameless) + len(listing.pictures)} file names start with no class"
        listing.issues.insert(0, Issue("layout", "error", first.path, what, first.fix))
    return listing


def _find_folders(root: Path, prefix: str, deepest: int) -> _Folders:
    """Tell class folders from folders that contain them, ``deepest`` levels down."""
    folders = list_folder(root / prefix).folders
    contents = {name: list_folder(root / prefix / name) for name in folders}
    wrappers = [name for name in folders if deepest and _wraps(name, contents[name], alone=len(folders) == 1)]
    flats = [name for name in folders if name not in wrappers and _is_part(name) and contents[name].pictures]
    classes = [name for name in folders if name not in wrappers and name not in flats]
    if wrappers and classes:
        raise DataError(
            f"{root / prefix}: expected one folder per class, found {classes[0]}/ beside {wrappers[0]}/, "
            f"which contains folders itself; use one of them as the data folder, or move {classes[0]}/ elsewhere"
        )
    found = _Folders([prefix + name for name in classes], [prefix + name for name in flats], [prefix])
    for name in wrappers:
        below = _find_folders(root, f"{prefix}{name}/", deepest - 1)
        for mine, theirs in zip(found, below, strict=True):
            mine.extend(theirs)
    return found


def _beside(here: Folder, prefix: str) -> Iterator[Issue]:
    """What lies beside class folders and a user may expect to count; texts and tables do lie there."""
    for name in here.pictures:
        what = "a picture beside the class folders; skipped"
        yield Issue("no-label", "warning", prefix + name, what, "move it into its class's folder")
    yield from (skipped(prefix + name, "other") for name in here.others if is_unread(name))
    if prefix:
        yield from other_tables(here.others, prefix)
        yield from (skipped(prefix + name, "broken") for name in here.broken)


def _is_part(name: str) -> bool:
    # Kaggle's archives: asl_alphabet_train/, asl_alphabet_test/.
    return name.lower().replace("-", "_").rpartition("_")[2] in _PARTS


def _wraps(name: str, inside: Folder, *, alone: bool) -> bool:
    """Whether a folder contains class folders: by its own name, as the only one, or by the names inside it."""
    if inside.pictures or not inside.folders:
        return False
    return _is_part(name) or alone or _holds_classes(inside)


def _holds_classes(inside: Folder) -> bool:
    return sum(_is_known_folder(name) for name in inside.folders) >= 2


def _is_known_folder(name: str) -> bool:
    try:
        return is_known(normalise_label(name))
    except DataError:
        return False  # is told where the folder is a class


def _add_class(listing: Listing, root: Path, folder: str, empty: Severity = "error") -> None:
    name = folder.rpartition("/")[2]
    label = normalise_label(name, str(root / folder))
    before, others = len(listing.pictures), len(listing.issues)
    for path, kind in walk(root / folder, f"{folder}/"):
        if kind == "picture":
            listing.pictures.append(_picture(path, label))
        else:
            listing.issues.append(skipped(path, kind))
    left = listing.issues[others:]
    listing.issues.extend(_within(listing.pictures[before:], folder, label))
    if is_renamed(name):
        listing.issues.append(Issue("renamed", "note", folder, f"{name} is class {label}", "rename the folder"))
    if len(listing.pictures) == before:
        what = f"no pictures of class {label}"
        if left:
            what += f", only {len(left)} other files or folders, such as {left[0].path}: {left[0].what}"
        listing.issues.append(Issue("empty-class", empty, folder, what, "add some or remove the folder"))


def _within(pictures: Sequence[Picture], folder: str, label: str) -> Iterator[Issue]:
    """What to say of the folders within a class's folder, whose pictures count as that class."""
    inside: dict[str, None] = {}
    deeper: dict[str, None] = {}
    for picture in pictures:
        below, _, _ = picture.path.removeprefix(f"{folder}/").rpartition("/")
        first, *others = below.split("/") if below else [""]
        inside.update({first: None} if first else {})
        deeper.update(dict.fromkeys(others))
    # Classes directly below make the layout people; numbers may be sessions.
    known = [name for name in deeper if _is_known_folder(name) and not name.isdecimal()]
    if len(known) > 1 and not is_known(label):
        what = (
            f"expected a folder of one class or person, found folders of classes further down: {', '.join(known[:5])}"
        )
        fix = "name the folder that holds these, or put a folder for each class into it or into one for each person"
        yield Issue("classes-within", "error", folder, what, fix)
    elif inside:
        what = "folders within the folder of a class; their pictures count as that class"
        yield Issue("within", "note", f"{folder}/{next(iter(inside))}", what, "move them if they are classes or people")


def _classes_or_people(root: Path, folders: Sequence[str]) -> Iterator[Issue]:
    """Of ``ann/hello``, ``ann/yes``, ``bob/hello``, ``bob/yes`` nothing tells which is the class."""
    words = [name for name in folders if not _is_known_folder(name.rpartition("/")[2])]
    inside = {name: set(list_folder(root / name).folders) for name in words} if len(words) > 1 else {}
    shared = set.intersection(*inside.values()) if inside else set()
    if len(shared) > 1:
        what = f"{len(words)} folders that each hold {', '.join(sorted(shared)[:3])}; the outer ones count as classes"
        fix = "if they are people, say --layout people (data.layout in a recipe)"
        yield Issue("classes-or-people", "warning", f"{words[0]} … {words[-1]}", what, fix)


def _add_flat(listing: Listing, folder: Path, prefix: str) -> None:
    renamed: dict[str, str] = {}
    here = list_folder(folder)
    for name in here.pictures:
        label = label_in_name(stem_of(name))
        if label is not None:
            listing.pictures.append(_picture(prefix + name, label))
            if not unicodedata.normalize("NFC", name).startswith(label):
                renamed.setdefault(label, prefix + name)
        else:
            what = "the file name does not start with a class, as A_34.jpg does"
            fix = "rename it, or put each class into its own folder"
            listing.issues.append(Issue("no-label", "warning", prefix + name, what, fix))
    for label, path in renamed.items():
        listing.issues.append(Issue("renamed", "note", path, f"its kind is class {label}", "rename the files"))
    listing.issues.extend(skipped(prefix + name, "other") for name in here.others if is_unread(name))
    listing.issues.extend(_labels_beside(here, prefix))
    for name in here.folders if prefix else ():
        what = "a folder beside pictures that are named after their class; skipped"
        listing.issues.append(
            Issue("folder-beside", "warning", prefix + name, what, "keep pictures in one of the ways")
        )


_LABEL_FILES = (".txt", ".xml", ".json")
_OF_ALL = re.compile(r"_annotations\..*|_classes\.csv|annotations\.(?:json|xml|csv)|instances_.*\.json", re.IGNORECASE)


def _labels_beside(here: Folder, prefix: str) -> Iterator[Issue]:
    """Boxes and labels as labelImg, CVAT and Roboflow write them beside the pictures: they may say otherwise."""
    stems = {stem_of(name) for name in here.pictures}
    for name in here.others:
        if (name.lower().endswith(_LABEL_FILES) and stem_of(name) in stems) or _OF_ALL.fullmatch(name):
            what = "labels beside the pictures are not read; a picture's class is what its name begins with"
            fix = "if they count, put YOLO's text files into labels/ and the pictures into images/, side by side"
            yield Issue("labels-beside", "warning", prefix + name, what, fix)


def _picture(path: str, label: str) -> Picture:
    stem = stem_of(path)
    shot = shot_of(stem)
    # Capture scripts number every class from 0, so the name of a shot is unique only within its class.
    return Picture(path, label, block=number_of(stem), burst=f"{label}/{shot}" if shot else None)
