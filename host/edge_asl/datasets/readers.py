"""Reads a data folder of any of the four layouts into a ``Dataset``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge_asl.datasets.digest import content_hashes, dataset_digest
from edge_asl.datasets.folders import list_flat, list_folders
from edge_asl.datasets.labels import label_in_name, order_labels
from edge_asl.datasets.listing import Listing, list_folder, stem_of
from edge_asl.datasets.pixels import list_pixels, pixel_tables, to_frame
from edge_asl.datasets.signers import assign_signers
from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.datasets.yolo import list_yolo, yolo_parts
from edge_asl.errors import DataError
from edge_asl_device.contract.pictures import read_picture

_LISTERS = {"folders": list_folders, "flat": list_flat, "csv": list_pixels, "yolo": list_yolo}
LAYOUTS = ("auto", *_LISTERS)

_EXPECTED = (
    "a folder per class (A/…jpg), files named after their class (A_34.jpg), "
    "a CSV of label,pixel1…pixel784, or images/ beside labels/"
)


def read_dataset(
    root: Path, layout: str = "auto", *, signer_pattern: str | None = None, cache: Path | None = None
) -> Dataset:
    """Read a folder of labelled pictures; no picture is decoded, every content is hashed.

    Args:
        root: the folder, or a single CSV file.
        layout: ``folders``, ``flat``, ``csv``, ``yolo``, or ``auto`` to detect it.
        signer_pattern: regular expression on the relative path; its group ``signer``, else its first, is the person.
        cache: a file that remembers content hashes between calls.

    Raises:
        DataError: no such folder, no layout or several fit, fewer than two classes, an empty class folder, a
            ``signers.csv`` that contradicts the folders. ``Dataset.load`` raises ``PictureError``.
    """
    listing = list_dataset(root, layout, signer_pattern=signer_pattern)
    for issue in listing.issues:
        if issue.severity == "error":
            raise DataError(f"{root / issue.path}: {issue.what}; {issue.fix}")
    labels = order_labels(picture.label for picture in listing.pictures)
    if len(labels) < 2:
        found = f"only class {labels[0]}" if labels else "none"
        raise DataError(f"{root}: expected two classes or more, found {found}; add folders, or use the folder above")
    if listing.pixels is not None:
        hashes = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in listing.pixels]
    else:
        hashes = content_hashes(root, [picture.path for picture in listing.pictures], cache)
    return to_dataset(listing, root, hashes)


def list_dataset(root: Path, layout: str = "auto", *, signer_pattern: str | None = None) -> Listing:
    """Find a data folder's pictures and their issues by name, without opening a picture.

    Raises:
        DataError: no such folder, or no layout fits.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    if not root.exists():
        raise DataError(f"{root}: no such folder of pictures; check the path")
    chosen = detect_layout(root) if layout == "auto" else layout
    if root.is_file() and chosen != "csv":
        raise DataError(f"{root}: expected a folder for layout {chosen}, found a file; name its folder")
    listing = _LISTERS[chosen](root)
    listing.pictures.sort(key=lambda picture: picture.path)
    return assign_signers(listing, root, signer_pattern)


def detect_layout(root: Path) -> str:
    """Which layout a folder (or CSV file) has.

    Raises:
        DataError: none fits, or several do.
    """
    found = _evidence(root)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise DataError(f"{root}: expected {_EXPECTED}; found none of them")
    evidence = " and ".join(f"{path} ({layout})" for layout, path in found.items())
    raise DataError(f"{root}: expected one layout, found {evidence}; set the layout to one of {', '.join(found)}")


def _evidence(root: Path) -> dict[str, str]:
    """Each layout that could be meant, with a file or folder that suggests it."""
    tables = pixel_tables(root)
    found = {"csv": tables[0].name} if tables else {}
    if root.is_file():
        return found
    here = list_folder(root)
    parts = yolo_parts(root)
    if parts:
        found["yolo"] = f"{parts[0]}images/ beside {parts[0]}labels/"
    if named := [name for name in here.pictures if label_in_name(stem_of(name))]:
        found["flat"] = named[0]
    belonging = {part.partition("/")[0] for part in parts} | ({"images", "labels"} if "" in parts else set())
    # Beside CSV files, folders contain copies of them (Kaggle's archive) or pictures of their rows.
    if not tables and (classes := [name for name in here.folders if name not in belonging]):
        found["folders"] = f"{classes[0]}/"
    return found


def to_dataset(listing: Listing, root: Path, hashes: list[str]) -> Dataset:
    """A listing and the hashes of its contents, in the same order, as a ``Dataset``."""
    pictures, pixels = tuple(listing.pictures), listing.pixels
    rows = {picture.path: row for row, picture in enumerate(pictures)}

    def load(picture: Picture) -> Frame:
        return read_picture(root / picture.path) if pixels is None else to_frame(pixels[rows[picture.path]])

    return Dataset(
        root=root,
        layout=listing.layout,
        labels=order_labels(picture.label for picture in pictures),
        pictures=pictures,
        digest=dataset_digest(pictures, hashes),
        load=load,
    )
