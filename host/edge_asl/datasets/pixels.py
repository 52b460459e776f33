"""Layout ``csv``: rows of ``label,pixel1…pixel784``, as in Sign-Language-MNIST."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.labels import normalise_label
from edge_asl.datasets.listing import Issue, Listing, list_folder
from edge_asl.datasets.types import Frame, Picture
from edge_asl.errors import DataError

SIDE = 28
_PIXELS = SIDE * SIDE
# What pandas makes of whole numbers where one is missing.
_NUMBER = re.compile(r"[-+]\d+|[-+]?\d+\.\d*|nan", re.IGNORECASE)


def is_pixel_table(path: Path) -> bool:
    """Whether a file is a CSV whose header begins ``label,pixel1``."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        return _header(file.readline(65536))[:2] == ["label", "pixel1"]


def pixel_tables(root: Path) -> list[Path]:
    """The pixel tables that ``root`` is or holds, sorted by name."""
    candidates = [root] if root.is_file() else sorted(root.glob("*.csv"))
    return [path for path in candidates if is_pixel_table(path)]


def almost_pixel_tables(root: Path) -> dict[str, str]:
    """CSV files that are no pixel tables but may be meant as such: name → what they begin with.

    Those that name people or boxes are none of them.
    """
    candidates = [root] if root.is_file() else sorted(root.glob("*.csv"))
    found = {}
    for path in candidates:
        if path.suffix.lower() != ".csv" or not path.is_file() or is_pixel_table(path):
            continue
        names = _names(path)
        if len(names) > _PIXELS // 2 or "pixel1" in names or names == [""]:
            found[path.name] = _begins(path) if names != [""] else "nothing"
    return found


def _begins(table: Path) -> str:
    with table.open("rb") as file:
        start = file.read(80)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16, not UTF-8"
    text = start.decode("utf-8-sig", "replace").splitlines()[0]
    return "".join(re.findall(r"[^,;\t]*[,;\t]", text)[:3])[:-1] + "…"


def _beside(root: Path) -> Iterator[Issue]:
    """Tables, folders and pictures that lie beside the tables that are read."""
    for name, begins in almost_pixel_tables(root).items():
        what = f"expected a table that begins label,pixel1, found {begins}; skipped"
        yield Issue("other-table", "warning", name, what, "correct its first line, or move it elsewhere")
    here = list_folder(root)
    for name in (*here.folders, *here.pictures):
        what = "folders and pictures beside tables of pixels are not read"
        yield Issue("beside-tables", "note", name, what, "move the tables elsewhere if these are meant")


def list_pixels(root: Path) -> Listing:
    """Read every table of ``root``: 28×28 grey pictures, row *n* (from 1, after the header) is ``file.csv#n``.

    Labels are letters, or numbers 0–25 for A–Z as in Sign-Language-MNIST (which has no 9 and no 25: J and Z move).
    One byte per pixel is kept: 27,455 rows take 21.5 MB.

    Raises:
        DataError: a row is not a label and 784 numbers from 0 to 255, or the labels could be digits.
    """
    pictures: list[Picture] = []
    pixels = bytearray()
    numbered = []
    for table in pixel_tables(root):
        if _read_table(table, pictures, pixels):
            numbered.append(table.name)
    if numbered and {p.label for p in pictures} == set("ABCDEFGHIJ"):
        raise DataError(
            f"{root}: expected numbers 0–25 for A–Z, found exactly 0–9, which could be the digits; "
            "write letters instead, or store digits as pictures in folders"
        )
    issues = list(_beside(root)) if root.is_dir() else []
    if numbered:
        what = "numbers are letters, 0 is A and 25 is Z, as in Sign-Language-MNIST"
        issues.append(Issue("class-names", "note", numbered[0], what, "write letters if it is otherwise"))
    grey = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    return Listing("csv", pictures, issues, {picture.path: row for picture, row in zip(pictures, grey, strict=True)})


def to_frame(grey: NDArray[np.uint8]) -> Frame:
    """Grey uint8 (h, w) to RGB uint8 (h, w, 3) with three equal channels."""
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]  # OpenCV keeps uint8


def _header(line: bytes) -> list[str]:
    text = line.decode("utf-8-sig", "replace").strip().lower()
    return [name.strip().strip('"') for name in text.split(",")]


def _names(table: Path) -> list[str]:
    """What the first line of any table holds, whatever stands between."""
    with table.open("rb") as file:
        line = file.readline(65536)
    encoding = "utf-16" if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    text = line.decode(encoding, "replace").strip()
    return [name.strip().strip('"') for name in re.split(r"[,;\t]", text)]


def _read_table(table: Path, pictures: list[Picture], pixels: bytearray) -> bool:
    """Whether its labels are numbers, one of them at least."""
    numbered = False
    with table.open("rb") as file:
        columns = len(_header(file.readline()))
        if columns != _PIXELS + 1:
            raise DataError(
                f"{table}: expected the columns label,pixel1…pixel{_PIXELS} (28×28), found {columns} columns"
            )
        for row, line in enumerate((line for line in file if line.strip()), start=1):
            label, _, values = line.partition(b",")
            pixels += _row(values, f"{table}#{row}")
            pictures.append(Picture(f"{table.name}#{row}", _label(label, f"{table}#{row}")))
            numbered = numbered or label.strip().strip(b'"').isdigit()
    return numbered


def _row(values: bytes, where: str) -> bytes:
    try:
        # bytes() rejects values outside 0–255, int() what is not a number.
        row = bytes(map(int, values.split(b",")))
    except ValueError as error:
        number, value = _first_wrong(values)
        raise DataError(
            f"{where}: expected {_PIXELS} numbers 0–255, found {value!r} for pixel{number}; fix that row"
        ) from error
    if len(row) != _PIXELS:
        raise DataError(f"{where}: expected {_PIXELS} pixels, found {len(row)}; fix or remove that row")
    return row


def _first_wrong(values: bytes) -> tuple[int, str]:
    """The number, from 1, and the text of the first value that is no pixel's."""
    for number, value in enumerate(values.decode("utf-8", "replace").strip().split(","), start=1):
        try:
            bytes([int(value)])
        except ValueError:
            return number, value
    return 0, ""


def _label(text: bytes, where: str) -> str:
    word = text.decode("utf-8", "replace").strip().strip('"')
    if _NUMBER.fullmatch(word):
        raise DataError(f"{where}: expected a letter, a word or a whole number 0–25 for A–Z, found {word!r}; fix it")
    if not word.isdecimal():
        return normalise_label(word, where)
    if int(word) > 25:
        raise DataError(f"{where}: expected a letter or a number 0–25 for A–Z, found {word}; fix that row")
    return chr(ord("A") + int(word))
