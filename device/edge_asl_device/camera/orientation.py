"""How a film's frames are to be turned: phones store them as the sensor lies and write the turn into the container.

OpenCV knows a rotation only, and a selfie film that the phone mirrors is a reflection to it at best; the container of
MP4 and QuickTime films says it exactly (ISO/IEC 14496-12, track header box: a matrix from stored to shown positions).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
from cv2.typing import MatLike

LARGEST_BOX = 64_000_000
"""Bytes of the box that describes a film; an hour's has about one million."""


class Turn(NamedTuple):
    """One of the eight ways that a picture can lie: rows and columns swapped first, then mirrored."""

    transpose: bool = False
    flip_x: bool = False
    """Left and right."""
    flip_y: bool = False
    """Top and bottom."""

    @classmethod
    def rotation(cls, degrees: float) -> Turn:
        """Clockwise, as OpenCV's ``CAP_PROP_ORIENTATION_META`` counts; what is no right angle is none."""
        turns = {90: cls(True, True), 180: cls(False, True, True), 270: cls(True, False, True)}
        return turns.get(round(degrees) % 360, cls())

    @classmethod
    def matrix(cls, a: float, b: float, c: float, d: float) -> Turn:
        """Of x′ = a·x + c·y, y′ = b·x + d·y; what is no right angle is none."""
        if a == d == 0 and b and c:
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0) if b == c == 0 else cls()

    def applied(self, picture: MatLike) -> MatLike:
        """The picture as it is to be shown, (height, width, 3)."""
        if self.transpose:
            picture = cv2.transpose(picture)
        if self.flip_x or self.flip_y:
            picture = cv2.flip(picture, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return picture


def turn_of(path: Path, capture: cv2.VideoCapture) -> Turn:
    """How the frames that ``capture`` reads from ``path`` are to be turned; switches off OpenCV's own turning.

    Which OpenCV versions turn by themselves differs, and so does what they do with a reflection.
    """
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    with contextlib.suppress(OSError, struct.error, ValueError):
        movie = _movie(path)
        whole = _matrix(movie, b"mvhd", (36, 48))
        for kind, track in movie:
            if kind == b"trak" and (own := _track_matrix(track)) is not None:
                return Turn.matrix(*_one_after_the_other(own, whole))
    return Turn.rotation(capture.get(cv2.CAP_PROP_ORIENTATION_META))


_Matrix = tuple[int, int, int, int]
_UPRIGHT = 1 << 16, 0, 0, 1 << 16


def _movie(path: Path) -> list[tuple[bytes, bytes]]:
    """(kind, content) of what describes the film: its header, its tracks; nothing if this is no MP4 or QuickTime."""
    with path.open("rb") as file:
        at, end = 0, path.stat().st_size
        while at + 8 <= end:
            file.seek(at)
            kind, head, size = _header(file.read(16), end - at)
            if at == 0 and kind not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                break
            if kind == b"moov" and size <= LARGEST_BOX:
                file.seek(at + head)
                return list(_boxes(file.read(size - head)))
            at += size
    return []


def _track_matrix(track: bytes) -> _Matrix | None:
    """None for a track that is no picture."""
    parts = list(_boxes(track))
    handler = dict(_boxes(dict(parts).get(b"mdia", b""))).get(b"hdlr", b"")
    if handler[8:12] != b"vide" or b"tkhd" not in dict(parts):
        return None
    return _matrix(parts, b"tkhd", (40, 52))


def _matrix(boxes: list[tuple[bytes, bytes]], kind: bytes, at: tuple[int, int]) -> _Matrix:
    """a, b, c, d in 65536ths of a header, which has them ``at`` one place in its version 0 and at another in 1."""
    header = dict(boxes).get(kind, b"")
    if not header:
        return _UPRIGHT
    a, b, _, c, d = struct.unpack_from(">5i", header, at[header[0] == 1])
    return a, b, c, d


def _one_after_the_other(track: _Matrix, movie: _Matrix) -> _Matrix:
    """The track's matrix, then that of the whole film."""
    (a, b, c, d), (e, f, g, h) = track, movie
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes that follow each other in ``data``."""
    at = 0
    while at + 8 <= len(data):
        kind, head, size = _header(data[at : at + 16], len(data) - at)
        yield kind, data[at + head : at + size]
        at += size


def _header(data: bytes, left: int) -> tuple[bytes, int, int]:
    """(kind, bytes of the header, bytes of the whole box)."""
    size, kind = struct.unpack_from(">I4s", data)
    head = 8
    if size == 1:
        size, head = struct.unpack_from(">Q", data, 8)[0], 16
    elif size == 0:
        size = left  # to the end
    if not head <= size <= left:
        raise ValueError("a box is longer than what it lies in")
    return kind, head, size
