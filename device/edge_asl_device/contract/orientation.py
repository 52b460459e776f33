"""Which way is up: the EXIF orientation in a picture file's bytes, and turning pixels by it.

OpenCV turns JPEG and PNG by itself, WebP only from version 5 on; done here, every version shows the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_TAG, _SHORT = 0x0112, 3  # EXIF 2.32, table 4: Orientation, one unsigned 16-bit number
_UPRIGHT = 1

# Each makes the stored pixels upright; the numbers are EXIF's.
_TURNS: dict[int, Callable[[Any], Any]] = {
    2: lambda p: cv2.flip(p, 1),
    3: lambda p: cv2.rotate(p, cv2.ROTATE_180),
    4: lambda p: cv2.flip(p, 0),
    5: cv2.transpose,
    6: lambda p: cv2.rotate(p, cv2.ROTATE_90_CLOCKWISE),
    7: lambda p: cv2.flip(cv2.transpose(p), -1),
    8: lambda p: cv2.rotate(p, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pixels uint8 (h, w, 3) upright, of an EXIF orientation from 1 to 8; of any other as they are."""
    turn = _TURNS.get(orientation)
    return pixels if turn is None else turn(pixels)


def jpeg_orientation(data: bytes) -> int:
    """1 to 8, from the first Exif segment before the pixels; 1 where there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:  # fill bytes, and markers without a length
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (0xDA, 0xD9):
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return _orientation_in(data[at + 10 : end])
        at = end
    return _UPRIGHT


def png_orientation(data: bytes) -> int:
    """1 to 8, from the chunk ``eXIf``; 1 where there is none."""
    return next((_orientation_in(content) for kind, content in png_chunks(data) if kind == b"eXIf"), _UPRIGHT)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk of a PNG file, as far as it goes; of the pixels no content."""
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, b"" if kind == b"IDAT" else data[at + 8 : at + 8 + size]
        at += 12 + size


def webp_orientation(data: bytes) -> int:
    """1 to 8, from the chunk ``EXIF``; 1 where there is none."""
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            # Some programs write the marker of a JPEG's segment before it.
            return _orientation_in(data[at + 8 : at + 8 + size].removeprefix(b"Exif\0\0"))
        at += 8 + size + size % 2
    return _UPRIGHT


def _orientation_in(exif: bytes) -> int:
    """The orientation in a TIFF structure's first folder; 1 where there is none, or no sense in it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 10:
        return _UPRIGHT
    (folder,) = struct.unpack_from(f"{order}I", exif, 4)
    if folder + 2 > len(exif):
        return _UPRIGHT
    (entries,) = struct.unpack_from(f"{order}H", exif, folder)
    for at in range(folder + 2, min(folder + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, at)
        if tag == _TAG:
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else _UPRIGHT
    return _UPRIGHT
