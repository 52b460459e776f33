"""The stress set: what goes wrong with a webcam's picture, at a stated strength, the same in every run.

A corruption takes a whole frame and where its hand is, and gives both back. What it draws at random depends on the
set's version, the corruption and the picture, and on nothing else: two models are measured on the same pictures.

After D. Hendrycks and T. Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations,
ICLR 2019 (arXiv 1903.12261); theirs are of 224 × 224 pictures, here lengths are shares of the hand's square.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.datasets.types import Frame
from edge_asl_device.contract.preprocess import Square

VERSION = 1
"""Figures of different versions do not compare: it changes with every strength."""

Random = np.random.Generator


class CorruptionScore(Struct, frozen=True):
    """The pictures with one corruption."""

    name: str
    strength: str
    accuracy: float
    found: float
    """The fraction in which a hand was found."""


class StressScores(Struct, frozen=True):
    """Accuracy on the stress set."""

    version: int
    pictures: int
    plain: float
    """Accuracy on the same pictures as they are."""
    mean: float
    worst: float
    corruptions: tuple[CorruptionScore, ...]


class Stressed(NamedTuple):
    """A corrupted frame."""

    frame: Frame
    """RGB uint8, as large as it was."""
    square: Square
    """Where the hand is now."""


class Corruption(NamedTuple):
    """One thing that goes wrong."""

    name: str
    strength: str
    """For the reader of the report."""
    apply: Callable[[Frame, Square, Random], Stressed]


def corrupt(corruption: Corruption, frame: Frame, square: Square, picture: str) -> Stressed:
    """Apply a corruption to ``frame`` (H, W, 3) with its hand in ``square``; ``picture`` seeds what is random."""
    seed = hashlib.blake2b(f"{VERSION}\0{corruption.name}\0{picture}".encode(), digest_size=8).digest()
    return corruption.apply(frame, square, np.random.default_rng(int.from_bytes(seed)))


def _each_pixel(change: Callable[[Frame, Square, Random], NDArray[np.float64] | Frame]) -> Callable[..., Stressed]:
    """A corruption that leaves the hand where it is."""

    def apply(frame: Frame, square: Square, random: Random) -> Stressed:
        return Stressed(np.clip(np.rint(change(frame, square, random)), 0, 255).astype(np.uint8), square)

    return apply


def _gamma(exponent: float) -> Callable[..., Stressed]:
    table = 255 * (np.arange(256) / 255) ** exponent
    return _each_pixel(lambda frame, square, random: table[frame])


def _cast(gains: tuple[float, float, float]) -> Callable[..., Stressed]:
    return _each_pixel(lambda frame, square, random: frame * np.array(gains))


def _noise(deviation: float) -> Callable[..., Stressed]:
    return _each_pixel(lambda frame, square, random: frame + random.normal(0, deviation, frame.shape))


def _defocus(radius: float) -> Callable[..., Stressed]:
    """A point becomes a disk, as in a lens that is out of focus."""

    def change(frame: Frame, square: Square, random: Random) -> Frame:
        pixels = max(1.0, radius * square.side)
        reach = np.arange(-math.ceil(pixels), math.ceil(pixels) + 1)
        # The edge of the disk fades over a pixel; a hard one jumps in size with its radius.
        disk = np.clip(pixels + 0.5 - np.hypot(reach[:, None], reach), 0, 1)
        return cv2.filter2D(frame, -1, disk / disk.sum())  # type: ignore[return-value]

    return _each_pixel(change)


def _motion(length: float) -> Callable[..., Stressed]:
    """A point becomes a line in a random direction, as when the hand or the camera moves during the exposure."""

    def change(frame: Frame, square: Square, random: Random) -> Frame:
        half, angle = max(1.0, length * square.side / 2), random.uniform(0, math.pi)
        reach = math.ceil(half)
        line = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        steps = np.linspace(-half, half, 8 * reach)
        x, y = (np.rint(reach + steps * turn).astype(int) for turn in (math.cos(angle), math.sin(angle)))
        np.add.at(line, (y, x), 1)
        return cv2.filter2D(frame, -1, line / line.sum())  # type: ignore[return-value]

    return _each_pixel(change)


def _jpeg(quality: int) -> Callable[..., Stressed]:
    def change(frame: Frame, square: Square, random: Random) -> Frame:
        _, data = cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]  # type: ignore[return-value]

    return _each_pixel(change)


def _occlusion(share: float) -> Callable[..., Stressed]:
    """Something in front of a random part of the hand's square, of one random colour."""

    def change(frame: Frame, square: Square, random: Random) -> Frame:
        aspect = random.uniform(0.5, 2.0)
        height, width = (round(square.side * math.sqrt(share * ratio)) for ratio in (aspect, 1 / aspect))
        left = square.x + round(random.uniform(0, square.side - width))
        top = square.y + round(random.uniform(0, square.side - height))
        hidden = frame.copy()
        hidden[max(top, 0) : top + height, max(left, 0) : left + width] = random.integers(0, 256, 3)
        return hidden

    return _each_pixel(change)


def _smaller(scale: float) -> Callable[..., Stressed]:
    """The whole picture smaller, in the middle; its border is repeated outwards, which makes no second hands."""

    def apply(frame: Frame, square: Square, random: Random) -> Stressed:
        height, width = frame.shape[:2]
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
        below, beside = height - small.shape[0] - top, width - small.shape[1] - left
        around = cv2.copyMakeBorder(small, top, below, left, beside, cv2.BORDER_REPLICATE)
        there = np.array([[scale, 0, left], [0, scale, top]])
        return Stressed(np.asarray(around, np.uint8), _carried(square, there, scale, height, width))

    return apply


def _turned(degrees: float) -> Callable[..., Stressed]:
    """The whole picture turned around its middle, its border repeated outwards."""

    def apply(frame: Frame, square: Square, random: Random) -> Stressed:
        height, width = frame.shape[:2]
        there = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        turned = cv2.warpAffine(frame, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return Stressed(np.asarray(turned, np.uint8), _carried(square, np.asarray(there), 1, height, width))

    return apply


def _carried(square: Square, there: NDArray[np.float64], scale: float, height: int, width: int) -> Square:
    """The upright square, inside the frame, where an affine map (2, 3) takes the middle of ``square``."""
    side = max(1, min(round(square.side * scale), height, width))
    cx, cy = there @ (square.x + square.side / 2, square.y + square.side / 2, 1)
    x, y = (min(max(round(c - side / 2), 0), most - side) for c, most in ((cx, width), (cy, height)))
    return Square(x, y, side)


CORRUPTIONS = (
    Corruption("darker", "gamma 2.2", _gamma(2.2)),
    Corruption("lighter", "gamma 0.45", _gamma(0.45)),
    Corruption("warm light", "red × 1.25, blue × 0.65", _cast((1.25, 1.0, 0.65))),
    Corruption("cold light", "red × 0.65, blue × 1.25", _cast((0.65, 1.0, 1.25))),
    Corruption("sensor noise", "standard deviation 20 of 255", _noise(20)),
    Corruption("defocus", "a disk of 3 % of the hand's square in radius", _defocus(0.03)),
    Corruption("motion blur", "a line of 10 % of the hand's square", _motion(0.10)),
    Corruption("JPEG", "quality 12", _jpeg(12)),
    Corruption("occlusion", "10 % of the hand's square covered", _occlusion(0.10)),
    Corruption("smaller", "half as large in the frame", _smaller(0.5)),
    Corruption("turned left", "by 25°", _turned(25)),
    Corruption("turned right", "by 25°", _turned(-25)),
)
