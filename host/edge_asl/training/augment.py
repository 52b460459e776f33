"""Augmentation: one picture in, one changed picture out, determined by (seed, epoch, picture) alone.

OpenCV on uint8, in the input pipeline's thread: a tenth of a millisecond per picture, and the same result in the same
epoch whatever happened before, so that a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.recipes.recipe import Augmentation


def augment(picture: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A changed copy of RGB uint8 (H, W, 3)."""
    warped: Any = cv2.warpAffine(
        picture,
        _placement(picture.shape[0], settings, rng),
        picture.shape[1::-1],
        flags=cv2.INTER_LINEAR,
        # Repeated edges, not reflected ones: a mirrored border would show a second hand.
        borderMode=cv2.BORDER_REPLICATE,
    )
    if rng.random() < settings.blur:
        warped = _blurred(warped, rng)
    if rng.random() < settings.grey:
        warped = cv2.cvtColor(cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    lit = _lit(warped, settings, rng)
    if rng.random() < settings.shadow:
        lit *= _shadow(picture.shape[0], rng)
    if settings.noise:
        lit += _noise(lit.shape, rng) * np.float32(rng.uniform(0, settings.noise))
    result = np.clip(lit, 0, 255).astype(np.uint8)
    if rng.random() < settings.erase:
        _erase(result, rng)
    return result


def _placement(side: int, settings: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    """The 2×3 matrix of mirroring, rotation, zoom, shear and shift about the middle."""
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    zoom = rng.uniform(1 - settings.zoom, 1 + settings.zoom)
    shear = rng.uniform(-settings.shear, settings.shear)
    mirror = -1.0 if rng.random() < settings.mirror else 1.0
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([mirror, 1.0])
    middle = np.full(2, (side - 1) / 2)
    shift = rng.uniform(-settings.shift, settings.shift, 2) * side
    return np.column_stack([linear, middle + shift - linear @ middle]).astype(np.float32)


def _lit(picture: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    """Contrast about the mean, brightness, gamma and the three channels' gains: float32, may leave 0 to 255."""
    contrast = rng.uniform(1 - settings.contrast, 1 + settings.contrast)
    gain = rng.uniform(1 - settings.colour, 1 + settings.colour, 3) * contrast
    offset = rng.uniform(-settings.brightness, settings.brightness) * 255 + picture.mean() * (1 - contrast)
    # A table of 256 entries per channel: one look-up instead of three passes over floats.
    level = np.arange(256, dtype=np.float32)[:, None] * gain.astype(np.float32) + np.float32(offset)
    if settings.gamma:
        power = np.exp(rng.uniform(-settings.gamma, settings.gamma))
        level = np.clip(level / 255, 0, 1) ** np.float32(power) * 255
    table = np.clip(level, 0, 255).astype(np.float32)
    return cv2.LUT(picture, table[np.newaxis])  # type: ignore[return-value]


def _blurred(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blurred, or coarse like a distant hand."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.6)))  # type: ignore[return-value]
    small = max(16, round(picture.shape[0] * rng.uniform(0.4, 0.8)))
    coarse = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _shadow(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A hard light's edge: float32 (side, side, 1), 1 on one side of a random line and 0.3 to 0.8 on the other."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4) * side
    y, x = np.mgrid[:side, :side] - np.float32(side / 2)
    across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) - np.float32(distance)
    softness = np.float32(rng.uniform(0.01, 0.15) * side)
    dark = np.clip(across / softness, 0, 1) * np.float32(1 - rng.uniform(0.3, 0.8))
    return (1 - dark)[:, :, np.newaxis].astype(np.float32)  # type: ignore[no-any-return]


@functools.cache
def _noise_pool() -> NDArray[np.float32]:
    """A million normal numbers: drawing new ones for each picture would cost more than everything else here."""
    return np.random.default_rng(0).standard_normal(1 << 20, np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Standard normal noise of a picture's shape, from a random position in the pool."""
    count, pool = math.prod(shape), _noise_pool()
    start = int(rng.integers(len(pool)))
    return np.take(pool, np.arange(start, start + count), mode="wrap").reshape(shape)


def _erase(picture: NDArray[np.uint8], rng: np.random.Generator) -> None:
    side = picture.shape[0]
    height, width = rng.integers(side // 10, side // 3, 2)
    y, x = rng.integers(0, side - height), rng.integers(0, side - width)
    picture[y : y + height, x : x + width] = rng.integers(0, 256, 3)
