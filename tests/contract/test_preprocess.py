"""Preprocessing against a slow oracle written from the definition, and against golden vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import Crop, Input, Resize
from edge_asl_device.contract.preprocess import Box, preprocess, square_around, to_tensor
from edge_asl_device.inference.locator import CentreSquare

DATA = Path(__file__).parents[1] / "data"


def spec(size: int, resize: Resize = Resize.LINEAR) -> Input:
    return Input(size, size, Crop.CENTRE_SQUARE, resize)


def tensor_of(frame: NDArray[np.uint8], spec: Input) -> NDArray[np.int8]:
    """The centre square of a frame as the model takes it."""
    return preprocess(CentreSquare().locate(frame).cut(frame), spec)


def oracle_linear(picture: np.ndarray, size: int) -> np.ndarray:
    """Bilinear with pixel centres at (i + 1/2), borders repeated: the definition, one pixel at a time."""
    side = picture.shape[0]
    out = np.empty((size, size, 3))
    for y in range(size):
        for x in range(size):
            sy = min(max((y + 0.5) * side / size - 0.5, 0), side - 1)
            sx = min(max((x + 0.5) * side / size - 0.5, 0), side - 1)
            y0, x0 = int(sy), int(sx)
            y1, x1 = min(y0 + 1, side - 1), min(x0 + 1, side - 1)
            fy, fx = sy - y0, sx - x0
            top = picture[y0, x0] * (1 - fx) + picture[y0, x1] * fx
            bottom = picture[y1, x0] * (1 - fx) + picture[y1, x1] * fx
            out[y, x] = top * (1 - fy) + bottom * fy
    return out


@pytest.mark.parametrize(("height", "width", "size"), [(48, 64, 32), (64, 48, 40), (30, 30, 64), (33, 57, 16)])
def test_linear_agrees_with_the_definition(height: int, width: int, size: int) -> None:
    frame = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    expected = oracle_linear(frame[y : y + side, x : x + side].astype(float), size) - 128
    found = tensor_of(frame, spec(size))
    assert found.dtype == np.int8
    assert found.shape == (1, size, size, 3)
    # OpenCV computes with 11-bit fractions.
    assert np.abs(found[0] - expected).max() <= 1.0


def test_area_is_the_mean_of_whole_blocks() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (96, 96, 3), np.uint8)
    expected = picture.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3)) - 128
    assert np.abs(tensor_of(picture, spec(32, Resize.AREA))[0] - expected).max() <= 0.5


def test_every_pixel_value_becomes_itself_less_128() -> None:
    picture = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    assert (to_tensor(picture)[0].astype(int) == picture.astype(int) - 128).all()


def test_the_tensor_is_the_quantization_of_the_float_input() -> None:
    """Scale 1/128 and zero point 0 for (pixel − 128) / 128: nothing is rounded."""
    pixel = np.arange(256)
    quantized = np.round((pixel - 128) / 128 / (1 / 128)).astype(int)
    picture = np.broadcast_to(pixel.astype(np.uint8)[:, None, None], (256, 256, 3))
    assert (to_tensor(picture)[0, :, 0, 0] == quantized).all()


def test_golden_vectors() -> None:
    """What a picture became in the first release it becomes for ever, to one grey level of rounding."""
    golden = json.loads((DATA / "preprocess-v1.json").read_text())
    for case in golden["cases"]:
        rng = np.random.default_rng(case["seed"])
        frame = rng.integers(0, 256, case["shape"], np.uint8)
        found = tensor_of(frame, spec(case["size"], Resize(case["resize"])))[0]
        assert np.abs(found.reshape(-1)[:: case["stride"]].astype(int) - np.array(case["values"])).max() <= 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(0.5, 0.5, 0.25, 0.25), (98, 48, 105)),  # hand in the middle: 1.25 × 84 around it
        (Box(0.0, 0.0, 0.4, 0.4), (0, 0, 168)),  # in the corner: moved inside
        (Box(0.5, 0.5, 0.9, 0.9), (50, 0, 200)),  # larger than the frame: shrunk to it
    ],
)
def test_square_around_a_box_stays_in_the_frame(box: Box, expected: tuple[int, int, int]) -> None:
    square = square_around(box, 200, 300, margin=1.4)
    assert square == expected
    assert square.cut(np.zeros((200, 300, 3), np.uint8)).shape == (square.side, square.side, 3)
