"""Layouts ``folders`` (one folder per class) and ``flat`` (files named after their class)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from edge_asl.datasets.labels import is_known, label_in_name, normalise_label
from edge_asl.datasets.listing import (
    Folder,
    Listing,
    Oddity,
    look_into,
    number_of,
    shot_of,
    stem_of,
    walk,
)
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError

_MOVE_OUT = "move it out, or convert it to JPEG if it is a picture (.heic, .gif, .tif)"

_PARTS = frozenset({"train", "test", "val", "valid", "validation", "training", "testing"})


class _Places(NamedTuple):
    """Where classes lie below the root: folders that are a class, folders whose files are named after theirs."""

    classes: list[str]
    flats: list[str]


def list_folders(root: Path) -> Listing:
    """List ``A/…jpg``, also one level down: ``train/A/…``, ``asl_alphabet_train/A/…``, ``person/A/…``.

    Raises:
        DataError: folders that are a class and folders that hold classes lie side by side.
    """
    listing = Listing("folders", [], [])
    places = _places(root, "", deepest=2)
    for place in places.classes:
        _add_class(listing, root, place)
    for place in places.flats:
        _add_flat(listing, root / place, f"{place}/")
    return listing


def list_flat(root: Path) -> Listing:
    """List files named after their class: ``A_34.jpg``, ``A34.jpg``, ``del12.jpg``, ``A_test.jpg``."""
    listing = Listing("flat", [], [])
    _add_flat(listing, root, "")
    if len(listing.oddities) > len(listing.pictures):
        first = listing.oddities[0]
        what = f"{len(listing.oddities)} of {len(listing.oddities) + len(listing.pictures)} names say no class"
        listing.oddities.insert(0, Oddity("layout", "error", first.path, what, first.fix))
    return listing


def _places(root: Path, prefix: str, deepest: int) -> _Places:
    """Tell class folders from folders that hold them, ``deepest`` levels down."""
    folders = look_into(root / prefix).folders
    insides = {name: look_into(root / prefix / name) for name in folders}
    wrappers = [name for name in folders if deepest and _wraps(name, insides[name], alone=len(folders) == 1)]
    flats = [name for name in folders if name not in wrappers and _is_part(name) and insides[name].pictures]
    classes = [name for name in folders if name not in wrappers and name not in flats]
    if wrappers and classes:
        raise DataError(
            f"{root / prefix}: expected one folder per class, found {classes[0]}/ beside {wrappers[0]}/, "
            f"which holds folders itself; name one of them as the data folder, or move {classes[0]}/ away"
        )
    found = _Places([prefix + name for name in classes], [prefix + name for name in flats])
    for name in wrappers:
        below = _places(root, f"{prefix}{name}/", deepest - 1)
        found.classes.extend(below.classes)
        found.flats.extend(below.flats)
    return found


def _is_part(name: str) -> bool:
    # Kaggle's archives: asl_alphabet_train/, asl_alphabet_test/.
    return name.lower().replace("-", "_").rpartition("_")[2] in _PARTS


def _wraps(name: str, inside: Folder, *, alone: bool) -> bool:
    """Whether a folder holds class folders: by its own name, by being the only one, or by the names within."""
    if inside.pictures or not inside.folders:
        return False
    return _is_part(name) or alone or sum(is_known(_label(inner)) for inner in inside.folders) >= 2


def _label(folder: str) -> str:
    return normalise_label(folder.rpartition("/")[2])


def _add_class(listing: Listing, root: Path, place: str) -> None:
    label = _label(place)
    before = len(listing.pictures)
    for path, is_picture in walk(root / place, f"{place}/"):
        if is_picture:
            listing.pictures.append(_picture(path, label))
        else:
            what = "expected a picture in a class folder, found another file, which is skipped"
            listing.oddities.append(Oddity("not-a-picture", "warning", path, what, _MOVE_OUT))
    if len(listing.pictures) == before:
        what = f"expected pictures of class {label}, found none"
        listing.oddities.append(Oddity("empty-class", "error", place, what, "add some or remove the folder"))


def _add_flat(listing: Listing, folder: Path, prefix: str) -> None:
    for name in look_into(folder).pictures:
        label = label_in_name(stem_of(name))
        if label is not None:
            listing.pictures.append(_picture(prefix + name, label))
        else:
            what = "expected a file name that begins with its class, as A_34.jpg, found one that does not"
            fix = "rename it, or put each class into a folder of its own"
            listing.oddities.append(Oddity("no-label", "warning", prefix + name, what, fix))


def _picture(path: str, label: str) -> Picture:
    stem = stem_of(path)
    shot = shot_of(stem)
    # Capture scripts number every class from 0, so a shot's name is unique within its class only.
    return Picture(path, label, block=number_of(stem), burst=f"{label}/{shot}" if shot else None)
