"""Layout ``yolo``: ``images/`` beside ``labels/``, a text file per picture with ``class cx cy width height``."""

from __future__ import annotations

import string
from pathlib import Path

from edge_asl.datasets.labels import is_renamed, label_in_name, normalise_label
from edge_asl.datasets.listing import Issue, Listing, number_of, shot_of, skipped, stem_of, walk
from edge_asl.datasets.types import Picture
from edge_asl.datasets.yolo_names import find_names, not_found
from edge_asl.errors import DataError
from edge_asl_device.contract.preprocess import Box

_ROUNDING = 1e-3  # annotation tools write boxes at the border as 1.0000003


def yolo_parts(root: Path) -> list[str]:
    """Where ``images/`` lies beside ``labels/``: ``[""]`` is the root itself, ``["train/", "valid/"]`` below."""
    if not root.is_dir():
        return []
    prefixes = ["", *sorted(f"{p.name}/" for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))]
    return [p for p in prefixes if (root / p / "images").is_dir() and (root / p / "labels").is_dir()]


def list_yolo(root: Path) -> Listing:
    """List pictures with the box of the hand, and the class names that ``find_names`` finds.

    Without such a file the names are A–Z only if every picture's own name says so. Of several boxes, the largest is
    used; a picture without a box is skipped; both are reported.

    Raises:
        DataError: a label file is not in YOLO format, a class has no name, or nothing says how classes are called.
    """
    listing, parts = Listing("yolo", [], []), yolo_parts(root)
    written, files = find_names(root, parts)
    names = {number: normalise_label(name) for number, name in written.items()} or _LETTERS
    for part in parts:
        for path, kind in walk(root / part / "images", f"{part}images/"):
            if kind == "picture":
                _add(listing, root, path, names)
            elif not path.rpartition("/")[2].lower().endswith((".txt", ".names", ".yaml", ".yml", ".cache")):
                listing.issues.append(skipped(path, kind))
    if written:
        listing.issues.extend(_about_names(root, files, written))
    else:
        listing.issues.append(_assumed(root, parts, listing.pictures))
    return listing


_LETTERS = dict(enumerate(string.ascii_uppercase))


def _about_names(root: Path, files: list[Path], written: dict[int, str]) -> list[Issue]:
    where = ", ".join(str(file.relative_to(root) if file.is_relative_to(root) else file) for file in files)
    told = [
        Issue("class-names", "note", where, "the classes' names are from here", "correct them there if they are wrong")
    ]
    for number, name in written.items():
        if is_renamed(name):
            what = f"{name} is class {normalise_label(name)}"
            told.append(Issue("renamed", "note", f"{where}, class {number}", what, "rename it"))
    return told


def _add(listing: Listing, root: Path, path: str, names: dict[int, str]) -> None:
    before, _, after = path.rpartition("images/")
    text = root / f"{before}labels/{after.rpartition('.')[0]}.txt"
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
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    return [_box(line, f"{path}:{n}", names) for n, line in enumerate(lines, 1) if line.strip()]


def _box(line: str, where: str, names: dict[int, str]) -> tuple[str, Box]:
    try:
        number, cx, cy, width, height = line.split()
        index, box = int(number), Box(float(cx), float(cy), float(width), float(height))
    except ValueError as error:
        raise DataError(
            f"{where}: expected 'class cx cy width height', found {line.strip()[:60]!r}; export boxes, not polygons"
        ) from error
    if not all(-_ROUNDING <= v <= 1 + _ROUNDING for v in box) or box.width <= 0 or box.height <= 0:
        raise DataError(f"{where}: expected a box within 0–1, found {tuple(box)}; export normalised boxes")
    if index not in names:
        known = f"{min(names)} to {max(names)}"
        raise DataError(f"{where}: expected a class that has a name ({known}), found {index}; name it in classes.txt")
    return names[index], box


def _assumed(root: Path, parts: list[str], pictures: list[Picture]) -> Issue:
    """The note that classes 0–25 are A–Z, as the pictures' own names say: A0.jpg is of class 0.

    Raises:
        DataError: they do not say so, all of them.
    """
    if not pictures or any(label_in_name(stem_of(picture.path)) != picture.label for picture in pictures):
        raise not_found(root, parts)
    what = f"no file names the classes; 0–25 are A–Z, as the names of all {len(pictures)} pictures say"
    return Issue("class-names", "note", pictures[0].path, what, "write classes.txt if they are called otherwise")
