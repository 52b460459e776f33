"""Sideways travel of a drawn hand before a drawn room."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.text.double_letters import DoubleLetter
from edge_asl_device.text.hand_motion import HandMotion

Picture = NDArray[np.uint8]
SIDE, FPS = 240, 30


def room(rng: np.random.Generator, height: int = SIDE, width: int = 2 * SIDE) -> Picture:
    """A blurred wall with things on it."""
    wall = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(12):
        x, y, w, h = (int(n) for n in rng.integers(0, (width, height, 90, 90)))
        cv2.rectangle(wall, (x, y), (x + w, y + h), tuple(int(n) for n in rng.integers(30, 220, 3)), -1)
    return cv2.GaussianBlur(wall, (0, 0), 4)  # type: ignore[return-value]


def with_hand(ground: Picture, x: float, y: float = 0.0) -> Picture:
    """A palm with four fingers, lit from the left, its middle ``x`` and ``y`` sides from the picture's."""
    picture = ground.copy()
    at = np.array([SIDE * (0.5 + x), SIDE * (0.55 + y)])
    for finger, turn in enumerate((-0.35, -0.1, 0.12, 0.35)):
        tip = at + SIDE * np.array([0.36 * np.sin(turn), -0.36 * np.cos(turn)])
        shade = 205 - 22 * finger
        ends = [tuple(int(16 * n) for n in end) for end in (at, tip)]
        cv2.line(picture, ends[0], ends[1], (shade, shade - 40, shade - 65), SIDE // 14, cv2.LINE_AA, 4)
    for ring in range(8):
        centre = tuple(int(16 * n) for n in at + np.array((ring, 0)))
        radius = (int(16 * SIDE * (0.16 - 0.018 * ring)), int(16 * SIDE * (0.19 - 0.02 * ring)))
        cv2.ellipse(picture, centre, radius, 0, 0, 360, (150 + 8 * ring, 110 + 8 * ring, 85 + 8 * ring), -1, 16, 4)
    return picture


def seen(rng: np.random.Generator, picture: Picture) -> Picture:
    """Sensor noise."""
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def slid(time_s: float, far: float) -> float:
    """A slide of 0.3 s after the first second: speeds up, slows down."""
    share = min(1.0, max(0.0, (time_s - 1) / 0.3))
    return far * share * share * (3 - 2 * share)


def followed(frames: list[Picture]) -> tuple[list[float], int]:
    """The travel after each frame, and how many slides end."""
    sideways, slide = HandMotion(), DoubleLetter()
    travel = [sideways.measure(frame) for frame in frames]
    slide.start(travel[0])
    return travel, sum(slide.ended(1 / FPS, place) for place in travel[1:])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("far", [-0.2, 0.16, 0.25])
def test_a_slide_is_measured_and_counts_once(seed: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    ground = room(rng)[:, :SIDE]
    frames = [seen(rng, with_hand(ground, slid(n / FPS, far))) for n in range(60)]
    travel, slides = followed(frames)
    assert travel[-1] == pytest.approx(far, abs=0.03)
    assert slides == 1


@pytest.mark.parametrize("seed", range(4))
def test_tremor_is_no_slide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground = room(rng)[:, :SIDE]
    frames = [seen(rng, with_hand(ground, 0.012 * np.sin(n), 0.012 * np.cos(1.3 * n))) for n in range(60)]
    travel, slides = followed(frames)
    assert np.ptp(travel) < 0.04
    assert slides == 0


def pushed_by(ground: Picture, places: list[float], rng: np.random.Generator) -> list[Picture]:
    """A camera that moves: room and hand go the same way."""
    frames = []
    for place in places:
        left = 100 - round(place * SIDE)
        frames.append(seen(rng, with_hand(ground[:, left : left + SIDE], (100 - left) / SIDE)))
    return frames


@pytest.mark.parametrize("seed", range(4))
def test_a_camera_that_shakes_is_no_slide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert followed(pushed_by(room(rng), [0.03 * np.sin(n) for n in range(60)], rng))[1] == 0


@pytest.mark.parametrize("seed", range(6))
def test_somebody_who_walks_behind_the_hand_is_no_slide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground, walker = room(rng)[:, :SIDE], room(rng, SIDE, 100)
    frames = []
    for n in range(60):
        behind = ground.copy()
        left = round(-100 + (SIDE + 100) * n / 60)
        visible = slice(max(0, left), min(SIDE, left + 100))
        behind[:, visible] = walker[:, visible.start - left : visible.stop - left]
        frames.append(seen(rng, with_hand(behind, 0.0)))
    assert followed(frames)[1] == 0


@pytest.mark.parametrize("size", [1, 16, 47, 48, 96, 480, 1080])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_pictures_without_anything_travel_nowhere(size: int, grey: int) -> None:
    sideways = HandMotion()
    picture = np.full((size, size, 3), grey, np.uint8)
    assert [sideways.measure(picture) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_it_costs_little() -> None:
    """Processor time; 0.2 ms a frame were measured where 5 are allowed."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (480, 480, 3), np.uint8) for _ in range(5)]
    sideways = HandMotion()
    started = time.process_time()
    for _ in range(20):
        for frame in frames:
            sideways.measure(frame)
    assert (time.process_time() - started) / 100 < 0.005
