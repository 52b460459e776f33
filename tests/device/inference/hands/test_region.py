"""The region that the landmark model sees, against MediaPipe's own answers (tests/data/hands), cut out and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_asl_device.inference.hands.region import (
    Region,
    cut,
    region_of_landmarks,
    region_of_palm,
    to_crop,
    to_frame,
    wrapped,
)

HANDS = json.loads((Path(__file__).parents[3] / "data" / "hands" / "mediapipe.json").read_text())["hands"]
each_hand = pytest.mark.parametrize("hand", HANDS)


def points_of(hand: dict[str, Any], key: str) -> np.ndarray:
    return np.array(hand[key], np.float32)


@each_hand
def test_the_region_of_a_palm_is_mediapipes(hand: dict[str, Any]):
    points = np.array(hand["palm"]["points"], np.float32)
    found = region_of_palm(np.array(hand["palm"]["box"], np.float32), points[0], points[2])
    np.testing.assert_allclose(found[:3], hand["region_of_palm"][:3], atol=0.05)
    assert found.angle == pytest.approx(hand["region_of_palm"][3], abs=1e-3)


@each_hand
def test_the_region_of_landmarks_is_mediapipes(hand: dict[str, Any]):
    found = region_of_landmarks(points_of(hand, "landmarks"))
    np.testing.assert_allclose(found[:3], hand["region_of_landmarks"][:3], atol=0.05)
    assert found.angle == pytest.approx(hand["region_of_landmarks"][3], abs=1e-3)


@each_hand
def test_landmarks_come_back_to_the_frame_as_mediapipes_do(hand: dict[str, Any]):
    region = Region(*hand["region_of_palm"])
    found = to_frame(points_of(hand, "crop"), region, 224)
    np.testing.assert_allclose(found, points_of(hand, "landmarks"), atol=0.05)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5, math.pi])
def test_to_the_crop_and_back(angle: float, mirrored: bool):
    region = Region(300.0, 200.0, 150.0, angle, mirrored)
    points = np.random.default_rng(3).uniform(0, 640, (21, 2)).astype(np.float32)
    matrix = to_crop(region, 224)
    there = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    np.testing.assert_allclose(to_frame(there, region, 224), points, atol=0.01)


@each_hand
def test_a_left_hand_is_read_as_the_right_one_in_the_mirrored_frame(hand: dict[str, Any]):
    """The mirrored frame with mirrored landmarks, read plainly, and the frame itself, read mirrored, look the same."""
    width, height = hand["width"], hand["height"]
    frame = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 4)  # a pixel's hundredth must not show
    points = points_of(hand, "landmarks")
    mirror = points * (-1, 1) + (width - 1, 0)

    inside = cut(frame, region_of_landmarks(points, mirrored=True), 224)
    outside = cut(np.ascontiguousarray(frame[:, ::-1]), region_of_landmarks(mirror.astype(np.float32)), 224)

    assert np.abs(inside.astype(int) - outside).max() <= 2
    assert region_of_landmarks(points, mirrored=True).angle == pytest.approx(
        -region_of_landmarks(points).angle, abs=1e-5
    )


def test_the_cut_is_the_region_upright():
    frame = np.zeros((200, 200, 3), np.uint8)
    cv2.line(frame, (100, 100), (160, 100), (255, 255, 255), 9)  # from the middle to the right
    upright = cut(frame, Region(100, 100, 160, math.pi / 2), 64)  # a hand that points to the right
    assert upright[16, 32, 0] == 255
    assert upright[48, 32, 0] == 0
    assert upright[32, 48, 0] == 0


def test_beyond_the_frame_its_border_is_repeated():
    assert (cut(np.full((50, 50, 3), 77, np.uint8), Region(0, 0, 400, 0.5), 32) == 77).all()


def test_a_region_of_no_size_is_still_a_picture():
    assert cut(np.zeros((50, 50, 3), np.uint8), Region(10, 10, 0.0, 0.0), 32).shape == (32, 32, 3)
    assert math.isfinite(region_of_landmarks(np.zeros((21, 2), np.float32)).side)


def test_turns_are_wrapped():
    assert wrapped(math.pi * 1.5) == pytest.approx(-math.pi / 2)
    assert wrapped(-math.pi * 1.5) == pytest.approx(math.pi / 2)
