"""Layout ``yolo``: ``images/`` beside ``labels/``, a text file per picture with ``class cx cy width height``."""

from __future__ import annotations

import re
import string
from pathlib import Path

from edge_asl.datasets.labels import label_in_name, normalise_label
from edge_asl.datasets.listing import Issue, Listing, number_of, shot_of, stem_of, walk
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError
from edge_asl_device.contract.preprocess import Box

_ROUNDING = 1e-3  # annotation tools write boxes at the border as 1.0000003
_ITEM = re.compile(r"\s*(?:-\s*|\d+\s*:\s*)(?P<name>[^#]+)")


def yolo_parts(root: Path) -> list[str]:
    """Where ``images/`` lies beside ``labels/``: ``[""]`` is the root itself, ``["train/", "valid/"]`` below."""
    if not root.is_dir():
        return []
    prefixes = ["", *sorted(f"{p.name}/" for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))]
    return [p for p in prefixes if (root / p / "images").is_dir() and (root / p / "labels").is_dir()]


def list_yolo(root: Path) -> Listing:
    """List pictures with the box of the hand; class names from ``classes.txt`` or ``data.yaml``, else A–Z.

    Of several boxes, the largest is used; a picture without a box is skipped; both are reported.

    Raises:
        DataError: a label file is not in YOLO format, a class has no name, or assumed names contradict the file names.
    """
    names = _class_names(root)
    listing = Listing("yolo", [], [])
    for part in yolo_parts(root):
        for path, is_picture in walk(root / part / "images", f"{part}images/"):
            if is_picture:
                _add(listing, root, path, names or list(string.ascii_uppercase))
    if not names:
        _check_assumed_names(root, listing.pictures)
    return listing


def _add(listing: Listing, root: Path, path: str, names: list[str]) -> None:
    before, _, after = path.rpartition("images/")
    text = root / f"{before}labels/{after.rpartition('.')[0]}.txt"
    boxes = _boxes(text, names)
    if len(boxes) != 1:
        what = f"{len(boxes)} boxes; the largest is used" if boxes else "no box; skipped"
        listing.issues.append(Issue("boxes", "warning", path, what, f"correct {text.name}"))
    if boxes:
        label, box = max(boxes, key=lambda found: found[1].width * found[1].height)
        stem = stem_of(path)
        listing.pictures.append(Picture(path, label, block=number_of(stem), box=box, burst=shot_of(stem)))


def _boxes(path: Path, names: list[str]) -> list[tuple[str, Box]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    return [_box(line, f"{path}:{n}", names) for n, line in enumerate(lines, 1) if line.strip()]


def _box(line: str, where: str, names: list[str]) -> tuple[str, Box]:
    try:
        number, cx, cy, width, height = line.split()
        index, box = int(number), Box(float(cx), float(cy), float(width), float(height))
    except ValueError as error:
        raise DataError(
            f"{where}: expected 'class cx cy width height', found {line.strip()[:60]!r}; export boxes, not polygons"
        ) from error
    if not all(-_ROUNDING <= v <= 1 + _ROUNDING for v in box) or box.width <= 0 or box.height <= 0:
        raise DataError(f"{where}: expected a box within 0–1, found {tuple(box)}; export normalised boxes")
    if not 0 <= index < len(names):
        raise DataError(f"{where}: expected a class below {len(names)}, found {index}; name the classes in classes.txt")
    return names[index], box


def _check_assumed_names(root: Path, pictures: list[Picture]) -> None:
    """Refuse A–Z for 0–25 if most file names start with other letters: the numbering is then a different one."""
    named = [(p, label) for p in pictures if (label := label_in_name(stem_of(p.path))) and len(label) == 1]
    wrong = [(p, label) for p, label in named if p.label != label]
    if 2 * len(wrong) > len(named):
        first, label = wrong[0]
        raise DataError(
            f"{root}: expected classes 0–25 to be A–Z, found {first.path} (class of {first.label}, named {label}) "
            f"and {len(wrong) - 1} more; list the class names in classes.txt, one per line"
        )


def _class_names(root: Path) -> list[str]:
    """Class names from ``classes.txt`` or the ``names`` of ``data.yaml``; empty if there is neither."""
    if (root / "classes.txt").is_file():
        lines = (root / "classes.txt").read_text("utf-8-sig").splitlines()
        return [normalise_label(line) for line in lines if line.strip()]
    for path in (root / "data.yaml", root / "data.yml"):
        if path.is_file():
            names = _yaml_names(path.read_text("utf-8-sig"))
            if not names:
                raise DataError(f"{path}: has no list 'names'; add it, or write classes.txt")
            return [normalise_label(name) for name in names]
    return []


def _yaml_names(text: str) -> list[str]:
    """The value of ``names`` in the three forms that exporters write: ``[A, B]``, ``- A``, ``0: A``."""
    match = re.search(r"^names\s*:[ \t]*(?P<rest>.*(?:\n(?![A-Za-z_]).*)*)", text, re.MULTILINE)
    if match is None:
        return []
    value = match["rest"].strip()
    if value.startswith("["):
        items = value.partition("]")[0][1:].split(",")
    else:
        items = [found["name"] for line in value.splitlines() if (found := _ITEM.match(line))]
    return [item.strip().strip("'\"") for item in items if item.strip()]
