"""Layout ``yolo``: ``images/`` beside ``labels/``, a text file per picture with ``class cx cy width height``."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edge_asl.datasets.labels import is_renamed, label_in_name, normalise_label
from edge_asl.datasets.listing import (
    Issue,
    Listing,
    is_unread,
    list_folder,
    number_of,
    shot_of,
    skipped,
    stem_of,
    walk,
)
from edge_asl.datasets.texts import read_text
from edge_asl.datasets.types import Picture
from edge_asl.datasets.yolo_names import LISTS, find_names, not_found
from edge_asl.errors import DataError
from edge_asl_device.contract.preprocess import Box

_ROUNDING = 1e-3  # annotation tools write boxes at the border as 1.0000003


def yolo_parts(root: Path) -> list[str]:
    """Where ``images/`` lies beside ``labels/``: ``[""]`` is the root itself, ``["train/", "valid/"]`` below."""
    if not root.is_dir():
        return []
    return [p for p in _prefixes(root) if (root / p / "images").is_dir() and (root / p / "labels").is_dir()]


def _prefixes(root: Path) -> list[str]:
    return ["", *sorted(f"{p.name}/" for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))]


def check_spelling(root: Path) -> None:
    """Do nothing unless ``images`` and ``labels`` are written in another way, which only Windows and macOS overlook.

    Raises:
        DataError: they are.
    """
    for prefix in _prefixes(root):
        if not any((root / prefix / name).is_dir() for name in ("Images", "IMAGES", "Labels", "LABELS")):
            continue  # looking for a name is quicker than listing a class's folder
        low = {name.lower(): name for name in list_folder(root / prefix).folders}
        if {"images", "labels"} <= low.keys():
            wrong = next((name for name in (low["images"], low["labels"]) if not name.islower()), None)
            if wrong:
                raise DataError(
                    f"{root / prefix / wrong}: expected YOLO's folders images/ and labels/; "
                    f"rename it to {wrong.lower()}"
                )


def list_yolo(root: Path) -> Listing:
    """List pictures with the box of the hand, and the class names that ``find_names`` finds.

    Without such a file the names are A–Z only if every picture's own name says so. Of several boxes, the largest is
    used; a picture without a box is skipped; both are reported.

    Raises:
        DataError: a label file is not in YOLO format, a class has no name, or nothing says how classes are called.
    """
    listing, parts = Listing("yolo", [], []), yolo_parts(root)
    written, files = find_names(root, parts)
    where = _places(root, files)
    names = {number: normalise_label(name, where) for number, name in written.items()} or _LETTERS
    for part in parts:
        for path, kind in walk(root / part / "images", f"{part}images/"):
            if kind == "picture":
                _add(listing, root, part, path, names)
            elif not path.rpartition("/")[2].lower().endswith((".txt", ".names", ".yaml", ".yml", ".cache")):
                listing.issues.append(skipped(path, kind))
    listing.issues.extend(_without_pictures(root, parts))
    listing.issues.extend(_beside(root, parts))
    if written:
        listing.issues.extend(_about_names(where, written))
        listing.issues.extend(_about_classes(files, names, {picture.label for picture in listing.pictures}))
    else:
        listing.issues.append(_assumed(root, parts, listing.pictures))
    return listing


_LETTERS = dict(enumerate(string.ascii_uppercase))


def _places(root: Path, files: list[Path]) -> str:
    return ", ".join(str(file.relative_to(root) if file.is_relative_to(root) else file) for file in files)


def _about_names(where: str, written: dict[int, str]) -> list[Issue]:
    told = [
        Issue("class-names", "note", where, "the classes' names are from here", "correct them there if they are wrong")
    ]
    for number, name in written.items():
        if is_renamed(name):
            what = f"{name} is class {normalise_label(name)}"
            told.append(Issue("renamed", "note", f"{where}, class {number}", what, "rename it"))
    return told


def _about_classes(files: list[Path], names: dict[int, str], shown: set[str]) -> Iterator[Issue]:
    """Classes that a file names and no picture shows, and numbers that share a name."""
    where = ", ".join(file.name for file in files)
    for label in dict.fromkeys(label for label in names.values() if label not in shown):
        what, fix = f"no picture of class {label}; the model will not know it", "add some, or remove the name"
        yield Issue("class-without-picture", "warning", where, what, fix)
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, label in names.items():
        numbers[label].append(number)
    for label, several in numbers.items():
        if len(several) > 1:
            what = f"classes {' and '.join(map(str, several))} are all called {label} and count as one"
            yield Issue("class-twice", "warning", where, what, "name them apart if they are not meant to be one")


def _without_pictures(root: Path, parts: list[str]) -> Iterator[Issue]:
    """Label files whose picture is not there, in any format."""
    for part in parts:
        there = {path.rpartition(".")[0] for path, _ in walk(root / part / "images", "")}
        for path, kind in walk(root / part / "labels", ""):
            stem, _, suffix = path.rpartition(".")
            if kind == "other" and suffix == "txt" and stem not in there and path.rpartition("/")[2] not in LISTS:
                what = "a label file whose picture is not there; skipped"
                yield Issue(
                    "no-picture", "warning", f"{part}labels/{path}", what, f"add images/{stem}.jpg, or remove it"
                )


def _beside(root: Path, parts: list[str]) -> Iterator[Issue]:
    """What lies beside ``images`` and ``labels`` and a user may expect to count."""
    used = {part.partition("/")[0] for part in parts} | ({"images", "labels"} if "" in parts else set())
    here = list_folder(root)
    yield from (skipped(name, "other") for name in here.others if is_unread(name))
    for name in here.folders:
        if name not in used and any(kind == "picture" for _, kind in walk(root / name, "")):
            what = "a folder of pictures without labels/ beside images/; skipped"
            yield Issue("no-labels", "warning", name, what, "export its labels, too, if it is to count")


def _add(listing: Listing, root: Path, part: str, path: str, names: dict[int, str]) -> None:
    text = root / f"{part}labels/{path.removeprefix(f'{part}images/').rpartition('.')[0]}.txt"
    boxes = _boxes(text, names)
    if boxes is None:
        what = "no label file; skipped"
        listing.issues.append(Issue("no-label-file", "warning", path, what, f"write labels/{text.name}"))
        return
    if len(boxes) != 1:
        what = f"{len(boxes)} boxes; the largest is used" if boxes else "no box; skipped"
        kind = "boxes" if boxes else "no-box"
        listing.issues.append(Issue(kind, "warning", path, what, f"correct labels/{text.name}"))
    if boxes:
        label, box = max(boxes, key=lambda found: found[1].width * found[1].height)
        stem = stem_of(path)
        listing.pictures.append(Picture(path, label, block=number_of(stem), box=box, burst=shot_of(stem)))


def _boxes(path: Path, names: dict[int, str]) -> list[tuple[str, Box]] | None:
    """The boxes of a label file; None: there is no such file."""
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        return None
    return [_box(line, f"{path}:{n}", names) for n, line in enumerate(lines, 1) if line.strip()]


def _box(line: str, where: str, names: dict[int, str]) -> tuple[str, Box]:
    fields = line.split()
    try:
        number, cx, cy, width, height = fields
        index, box = int(number), Box(float(cx), float(cy), float(width), float(height))
    except ValueError as error:
        raise DataError(
            f"{where}: expected 'class cx cy width height', found {line.strip()[:60]!r}; {_remedy(fields)}"
        ) from error
    if not all(-_ROUNDING <= v <= 1 + _ROUNDING for v in box) or box.width <= 0 or box.height <= 0:
        raise DataError(f"{where}: expected a box within 0–1, found {tuple(box)}; export normalised boxes")
    if index not in names:
        known = f"{min(names)} to {max(names)}"
        raise DataError(
            f"{where}: expected a class that has a name ({known}), found {index}; "
            "name it where the names are, one on each line"
        )
    return names[index], box


def _remedy(fields: list[str]) -> str:
    if len(fields) > 6:
        return "export boxes, not polygons"
    if len(fields) == 6:
        return "export labels, not a model's predictions, whose sixth number is a confidence"
    if len(fields) == 5:
        return "the class is a whole number, the others are numbers with a point"
    return "correct the line"


def _assumed(root: Path, parts: list[str], pictures: list[Picture]) -> Issue:
    """The note that classes 0–25 are A–Z, as the pictures' own names say: A0.jpg is of class 0.

    Raises:
        DataError: they do not say so, all of them.
    """
    if not pictures or any(label_in_name(stem_of(picture.path)) != picture.label for picture in pictures):
        raise not_found(root, parts)
    what = f"no file names the classes; 0–25 are A–Z, as the names of all {len(pictures)} pictures say"
    return Issue("class-names", "note", pictures[0].path, what, "write classes.txt if they are called otherwise")
