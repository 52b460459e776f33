"""The calibration set: the pictures that a build chose for quantization, kept where people can look at them."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.pipeline.bundle import check_replaceable
from edge_asl_device.files import replacing_folder, sha256_of

LIST = "SHA256SUMS"
MOST_BYTES = 200
"""Of a file name: disks take 255, and a number and a suffix may follow."""


def keep_calibration_pictures(target: Path, dataset: Dataset, pictures: Sequence[Picture]) -> None:
    """Link (or copy, across disks) the pictures to ``target/LABEL/`` with a list for ``sha256sum --check``.

    Rows of a CSV file and pictures of shards become PNG files.

    Raises:
        DataError: ``target`` is a file, or a folder of other files.
    """
    check_calibration_folder(target)
    with replacing_folder(target) as folder:
        lines = []
        for picture in pictures:
            kept = _free(folder / _name(picture.label) / _name(picture.path.replace("/", "_").replace("#", "_")))
            kept.parent.mkdir(exist_ok=True)
            kept = _keep(dataset, picture, kept)
            lines.append(f"{sha256_of(kept)}  {kept.relative_to(folder).as_posix()}\n")
        (folder / LIST).write_text("".join(sorted(lines, key=lambda line: line.split("  ")[1])), encoding="utf-8")


def check_calibration_folder(target: Path) -> None:
    """Raises ``DataError`` if ``target`` is a file, or a folder of other files."""
    check_replaceable(target, LIST, "--calibration")


def _name(text: str) -> str:
    """A file name that every disk takes and a line of the list can hold: labels may contain /, paths may be long."""
    plain = "".join(c if c.isprintable() else "_" for c in text.replace("/", "%2F").replace("\\", "_"))
    if plain.strip(".") and len(plain.encode()) <= MOST_BYTES:
        return plain
    # The end says most of a path; its hash tells it from others.
    end = plain.encode()[-MOST_BYTES // 2 :].decode(errors="ignore").lstrip(".")
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}-{end}"


def _free(path: Path) -> Path:
    """``path``, with a number if the name is taken: a/b_c.jpg and a_b/c.jpg would both become a_b_c.jpg."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return path if not path.exists() else next(other for other in others if not other.exists())


def _keep(dataset: Dataset, picture: Picture, kept: Path) -> Path:
    source = dataset.file_of(picture)
    if not source.is_file():
        kept = kept.with_name(f"{kept.name}.png")
        cv2.imwrite(str(kept), cv2.cvtColor(dataset.load(picture), cv2.COLOR_RGB2BGR))
        return kept
    try:
        os.link(source, kept)
    except OSError:
        shutil.copyfile(source, kept)
    return kept
