"""A picture of hands with the landmarks of both hand stages drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.hands.compare import Pair
from edge_asl_device.files import write_atomically
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.region import Region, cut, region_of_landmarks, to_crop

COLUMNS, ROWS = 8, 6
_TILE = 224
FLOAT_COLOUR, INT8_COLOUR = (60, 220, 60), (255, 70, 200)
"""RGB: green and magenta."""
BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16), (13, 17), (0, 17), (17, 18), (18, 19), (19, 20)),
)
"""Pairs of landmarks that a line joins, as MediaPipe draws a hand."""


def write_sheet(path: Path, pairs: Sequence[Pair]) -> int:
    """Draw the hands on which the stages differ most, worst first, into a JPEG or PNG; how many.

    Green: float. Magenta: int8. A hand that only one of them finds comes first.

    Raises:
        OSError: it cannot be written.
    """
    found = [pair for pair in pairs if pair.plain is not None or pair.quantized is not None]
    found.sort(key=lambda pair: 9.0 if pair.error is None else pair.error, reverse=True)
    tiles = [_tile(pair) for pair in found[: COLUMNS * ROWS]]
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.zeros((max(rows, 1) * _TILE, COLUMNS * _TILE, 3), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = _TILE * (number // COLUMNS), _TILE * (number % COLUMNS)
        sheet[y : y + _TILE, x : x + _TILE] = tile
    _, encoded = cv2.imencode(
        ".png" if path.suffix.lower() == ".png" else ".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
    )
    write_atomically(path, encoded.tobytes())
    return len(tiles)


def _tile(pair: Pair) -> NDArray[np.uint8]:
    shown = pair.plain or pair.quantized
    assert shown is not None  # noqa: S101 - the caller leaves such pairs out
    region = region_of_landmarks(shown.landmarks)
    tile = cut(pair.frame, region, _TILE)
    for hand, colour in ((pair.plain, FLOAT_COLOUR), (pair.quantized, INT8_COLOUR)):
        if hand is not None:
            _draw(tile, hand, region, colour)
    return tile


def _draw(tile: NDArray[np.uint8], hand: Hand, region: Region, colour: tuple[int, int, int]) -> None:
    matrix = to_crop(region, _TILE)
    # Coordinates in sixteenths of a pixel: the differences are that small.
    points = np.rint((hand.landmarks @ matrix[:, :2].T + matrix[:, 2]) * 16).astype(int)
    for start, end in BONES:
        cv2.line(tile, tuple(points[start]), tuple(points[end]), colour, 1, cv2.LINE_AA, 4)
