"""Landmarks for tests: a flat hand that is bent, turned and moved, and the way real hands went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Landmarks = NDArray[np.float32]
TRACKS = Path(__file__).parents[2] / "data" / "tracks.npz"

UP = {"I": (0, 0, 0, 1), "Z": (1, 0, 0, 0), "Y": (0, 0, 0, 1), "L": (1, 0, 0, 0), "A": (0, 0, 0, 0), "B": (1, 1, 1, 1)}
PALM = 90.0
KNUCKLES = np.array([(0.28, 0.95), (0.07, 1.0), (-0.14, 0.93), (-0.33, 0.82)])
THUMB_OUT = "LY"


def hand(shape: str, x: float = 0.0, y: float = 0.0, turn: float = 0.0) -> Landmarks:
    """A right hand with its palm to the viewer, its wrist ``x`` palms right of and ``y`` above the frame's middle.

    Args:
        shape: one of ``UP``.
        turn: degrees, counter-clockwise, about the wrist.
    """
    reach = np.array([1.0, 0.55, 0.3]) if shape in THUMB_OUT else np.array([0.3, 0.45, 0.35])
    thumb = np.array([0.2, 0.2]) + np.cumsum(reach)[:, np.newaxis] * np.array([0.6, 0.55])
    points = [(0.0, 0.0), (0.2, 0.2), *thumb]
    for knuckle, up in zip(KNUCKLES, UP[shape], strict=True):
        bones = np.array([(0, 0.45), (0, 0.28), (0, 0.22)] if up else [(0, 0.25), (0.02, -0.3), (0.0, -0.12)])
        points += [knuckle, *(knuckle + np.cumsum(bones, axis=0))]
    angle = np.radians(turn)
    turned = np.array(points) @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    placed = turned + np.array((x, y))
    return (placed * (PALM, -PALM) + (640, 400)).astype(np.float32)


def way(*corners: tuple[float, ...]) -> NDArray[np.float64]:
    """(t, …) corners: the values between them, with an ease at each, as a function sampled at 120 a second."""
    times, values = np.array(corners)[:, 0], np.array(corners)[:, 1:]
    wanted = np.arange(times[0], times[-1], 1 / 120)
    leg = np.clip(np.searchsorted(times, wanted, "right") - 1, 0, len(times) - 2)
    share = (wanted - times[leg]) / (times[leg + 1] - times[leg])
    eased = (share * share * (3 - 2 * share))[:, np.newaxis]
    return values[leg] * (1 - eased) + values[leg + 1] * eased


def moved(shape: str, *corners: tuple[float, ...]) -> list[Landmarks]:
    """120 frames a second of a hand that goes through (t, x, y, turn)."""
    return [hand(shape, *place) for place in way(*corners)]


def seen(
    frames: list[Landmarks],
    fps: float = 30.0,
    *,
    noise: float = 0.0,
    mirrored: bool = False,
    turn: float = 0.0,
    scale: float = 1.0,
    lost: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[float, Landmarks | None]]:
    """What a camera sees of 120 frames a second: times and landmarks, with ``noise`` in palms."""
    rng = np.random.default_rng(seed)
    angle = np.radians(turn)
    turned = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    for number in range(int(len(frames) * fps / 120)):
        points = frames[round(number * 120 / fps)] @ turned * (-scale if mirrored else scale, scale)
        points = points + rng.normal(0, noise * PALM * scale, (21, 2))
        yield number / fps, None if rng.random() < lost else points.astype(np.float32)


def clip(letter: str) -> list[Landmarks | None]:
    """A real hand's landmarks, 30 frames a second: rest, the letter, rest."""
    with np.load(TRACKS) as tracks:
        return [None if (points < 0).all() else points.astype(np.float32) for points in tracks[letter]]
