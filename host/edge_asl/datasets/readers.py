"""Reads data folders, each of any of the six layouts, into one ``Dataset``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from edge_asl.datasets.digest import content_hashes, dataset_digest
from edge_asl.datasets.folders import holds_people, list_flat, list_folders, list_people
from edge_asl.datasets.labels import Choice, label_in_name, order_labels
from edge_asl.datasets.listing import Listing, is_unread, list_folder, skipped, stem_of
from edge_asl.datasets.pixels import almost_pixel_tables, list_pixels, pixel_tables, to_frame
from edge_asl.datasets.remarks import remarks_on
from edge_asl.datasets.shards.index import INDEX, is_sharded
from edge_asl.datasets.shards.layout import list_shards
from edge_asl.datasets.signers import SIGNERS, assign_signers, compile_pattern, other_tables
from edge_asl.datasets.sources import combine, keep_labels, source_names
from edge_asl.datasets.types import Dataset, Frame, Picture, file_of
from edge_asl.datasets.yolo import check_spelling, list_yolo, yolo_parts
from edge_asl.errors import DataError
from edge_asl_device.contract.pictures import SUFFIXES, decode_picture, read_picture

_LISTERS = {
    "folders": list_folders,
    "people": list_people,
    "flat": list_flat,
    "csv": list_pixels,
    "yolo": list_yolo,
    "tfrecord": list_shards,
}
LAYOUTS = ("auto", *_LISTERS)

_EXPECTED = (
    "a folder per class (A/…jpg), also per person (ann/A/…jpg), files named after their class (A_34.jpg), "
    "a CSV of label,pixel1…pixel784, images/ beside labels/, or shards"
)


def read_dataset(
    data: Path | Sequence[Path],
    layout: str = "auto",
    *,
    signer_pattern: str | None = None,
    labels: Choice | None = None,
    cache: Path | None = None,
    least: int = 2,
) -> Dataset:
    """Read folders of labelled pictures as one data set; no picture is decoded, every content is hashed.

    Args:
        data: the folders, each a folder or a single CSV file, each in a layout of its own.
        layout: ``folders``, ``people``, ``flat``, ``csv``, ``yolo``, ``tfrecord``, or ``auto`` to detect it.
        signer_pattern: regular expression on the path; its group ``signer``, else its first, is the person.
        labels: pictures of others are left out; None: none are.
        cache: a file that remembers content hashes between calls.
        least: how many classes there must be: two to train, one to measure.

    Raises:
        DataError: no such folder, no layout or several fit, fewer classes than that, an empty class folder, a
            ``signers.csv`` that contradicts the folders. ``Dataset.load`` raises ``PictureError``.
    """
    listing = sound(list_dataset(data, layout, signer_pattern=signer_pattern, labels=labels), least)
    kept = listing.pixels.keys() | listing.encoded.keys()
    files = [file_of(picture, listing.roots) for picture in listing.pictures if picture.path not in kept]
    hashed = iter(content_hashes(files, cache))
    hashes = [_hash_inside(listing, picture) or next(hashed) for picture in listing.pictures]
    return to_dataset(listing, hashes)


def _hash_inside(listing: Listing, picture: Picture) -> str | None:
    """The SHA-256 of a picture that is no file of its own."""
    if (grey := listing.pixels.get(picture.path)) is not None:
        return hashlib.sha256(grey.data).hexdigest()
    encoded = listing.encoded.get(picture.path)
    return None if encoded is None else encoded.sha256


def sound(listing: Listing, least: int = 2) -> Listing:
    """The same listing, if it can be trained on.

    Raises:
        DataError: an issue that is an error, or fewer than ``least`` classes.
    """
    name = _name(listing)
    for issue in listing.issues:
        if issue.severity == "error":
            where = f"{name}/{issue.path}" if len(listing.roots) == 1 else issue.path
            raise DataError(f"{where}: {issue.what}; {issue.fix}")
    found = order_labels([*(picture.label for picture in listing.pictures), *listing.left_out])
    if len(found) < least:
        what = f"only class {found[0]}" if found else "none"
        wanted = "two classes" if least == 2 else "pictures of one class"
        missing = remarks_on(listing).warnings
        why = f" ({'; '.join(missing[:2])})" if missing else ""
        raise DataError(
            f"{name}: expected {wanted} or more, found {what}{why}; add folders, or name the folder in which the "
            "classes' folders lie"
        )
    return listing


def list_dataset(
    data: Path | Sequence[Path],
    layout: str = "auto",
    *,
    signer_pattern: str | None = None,
    labels: Choice | None = None,
) -> Listing:
    """Find the pictures of data folders and their issues by name, without opening a picture.

    Raises:
        DataError: no such folder, no layout fits, the signer pattern matches nothing, a label has no picture.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    roots = [data] if isinstance(data, Path) else list(data)
    for root in roots:
        if not root.exists():
            raise DataError(f"{root}: no such folder of pictures; check the path")
    pattern = None if signer_pattern is None else compile_pattern(signer_pattern)
    listings = [_list(root, layout, pattern) for root in roots]
    if pattern and not any(pattern.search(picture.path) for one in listings for picture in one.pictures):
        paths = [picture.path for one in listings for picture in one.pictures] or ["(no picture)"]
        where = " or ".join(map(str, roots))
        raise DataError(
            f"signer pattern {pattern.pattern!r}: matches no path below {where}, such as {paths[0]}; correct it"
        )
    listing = combine(list(zip(source_names(roots), roots, listings, strict=True)))
    return listing if labels is None else keep_labels(listing, labels)


def _list(root: Path, layout: str, pattern: re.Pattern[str] | None) -> Listing:
    chosen = detect_layout(root) if layout == "auto" else layout
    if root.is_file() and chosen != "csv":
        raise DataError(f"{root}: expected a folder for layout {chosen}, found a file; name its folder")
    listing = assign_signers(_LISTERS[chosen](root), root, pattern)
    if root.is_dir():
        here = list_folder(root)
        listing.issues.extend(skipped(name, "litter") for name in here.litter)
        listing.issues.extend(skipped(name, "broken") for name in here.broken)
        if not (root / SIGNERS).is_file():
            listing.issues.extend(other_tables(here.others, ""))
    return listing


def _name(listing: Listing) -> str:
    roots = list(listing.roots.values())
    return str(roots[0]) if len(roots) == 1 else ", ".join(listing.roots)


def detect_layout(root: Path) -> str:
    """Which layout a folder (or CSV file) has.

    Raises:
        DataError: none fits, or several do.
    """
    found = _evidence(root)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        tables = "".join(f"; {name} begins with {what}" for name, what in almost_pixel_tables(root).items())
        raise DataError(f"{root}: expected {_EXPECTED}; found {_instead(root)}{tables}")
    evidence = " and ".join(f"{path} ({layout})" for layout, path in found.items())
    raise DataError(f"{root}: expected one layout, found {evidence}; set the layout to one of {', '.join(found)}")


def _instead(root: Path) -> str:
    """What lies there that is no layout, and what to do about it."""
    if root.is_file():
        suffix = root.suffix.lower()
        if suffix in SUFFIXES:
            return "a picture; name the folder that holds the classes' folders"
        return f"a file; {skipped(root.name, 'other').fix}" if is_unread(root.name) else "another file"
    here = list_folder(root)
    unread = next((name for name in here.others if is_unread(name)), None)
    if unread:
        return f"{unread}: {skipped(unread, 'other').fix}"
    if not any(here):
        return "an empty folder"
    if here.pictures:
        return f"{len(here.pictures)} pictures whose names start with no class, such as {here.pictures[0]}"
    return "none of them"


def _evidence(root: Path) -> dict[str, str]:
    """Each layout that could be meant, with a file or folder that suggests it."""
    if is_sharded(root):
        return {"tfrecord": INDEX}
    tables = pixel_tables(root)
    found = {"csv": tables[0].name} if tables else {}
    if root.is_file():
        return found
    here = list_folder(root)
    parts = yolo_parts(root)
    check_spelling(root)
    if parts:
        found["yolo"] = f"{parts[0]}images/ beside {parts[0]}labels/"
    if named := [name for name in here.pictures if label_in_name(stem_of(name))]:
        found["flat"] = named[0]
    belonging = {part.partition("/")[0] for part in parts} | ({"images", "labels"} if "" in parts else set())
    if parts:  # Roboflow's export may lack the labels of a part: list_yolo says so
        belonging |= {name for name in here.folders if (root / name / "images").is_dir()}
    # Beside CSV files, folders contain copies of them (Kaggle's archive) or pictures of their rows.
    if not tables and (classes := [name for name in here.folders if name not in belonging]):
        found["people" if holds_people(root, classes) else "folders"] = f"{classes[0]}/"
    return found


def to_dataset(listing: Listing, hashes: list[str]) -> Dataset:
    """A listing and the hashes of its contents, in the same order, as a ``Dataset``."""
    pictures, pixels, shards, roots = tuple(listing.pictures), listing.pixels, listing.encoded, listing.roots

    def load(picture: Picture) -> Frame:
        if (grey := pixels.get(picture.path)) is not None:
            return to_frame(grey)
        if (encoded := shards.get(picture.path)) is not None:
            return decode_picture(encoded.read(), picture.path)
        return read_picture(Path(file_of(picture, roots)))

    remarks = remarks_on(listing, hashes)
    return Dataset(
        name=_name(listing),
        layout=listing.layout,
        labels=order_labels(picture.label for picture in pictures),
        pictures=pictures,
        digest=dataset_digest(pictures, hashes),
        load=load,
        roots=roots,
        left_out=listing.left_out,
        contents={picture.path: content for picture, content in zip(pictures, hashes, strict=True)},
        warnings=remarks.warnings,
        notes=remarks.notes,
    )
