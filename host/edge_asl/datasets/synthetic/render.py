"""Rounded cones to pixels: a depth buffer, one light, and the dark seams where cones meet.

A painter's algorithm over whole cones fails where fingers cross (R) or the thumb comes out between two (T, K); a depth
for every pixel does not, and at these sizes costs no more. There is no perspective.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic.skeleton import Cones

Float = NDArray[np.float32]

_FAR = np.float32(-1e4)


class Surface(NamedTuple):
    """What a pixel shows: depth, how much light, which cone."""

    depth: Float
    """float32 (H, W), pixels towards the viewer; −10,000 where nothing is."""
    shade: Float
    """float32 (H, W), 0 (turned away from the light) to 1."""
    cone: NDArray[np.int16]
    """int16 (H, W): the index of the cone, −1 where nothing is."""


def rasterise(cones: Cones, height: int, width: int, light: tuple[float, float, float]) -> Surface:
    """Draw every cone (in pixels) into a depth buffer.

    ``light`` is the unit vector towards the light: x right, y down, z towards the viewer.
    """
    surface = Surface(
        np.full((height, width), _FAR, np.float32),
        np.zeros((height, width), np.float32),
        np.full((height, width), -1, np.int16),
    )
    reach = np.maximum(cones.start_radius, cones.end_radius)[:, np.newaxis] + 1
    low = np.floor(np.minimum(cones.start, cones.end)[:, :2] - reach).astype(int).clip(0, (width, height))
    high = np.ceil(np.maximum(cones.start, cones.end)[:, :2] + reach).astype(int).clip(0, (width, height))
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, np.newaxis]
    for number in range(len(cones.kind)):
        (left, top), (right, bottom) = low[number].tolist(), high[number].tolist()
        if left < right and top < bottom:
            window = (slice(top, bottom), slice(left, right))
            _draw(surface, window, columns[left:right], rows[top:bottom], cones, number, light)
    return surface


def _draw(
    surface: Surface,
    window: tuple[slice, slice],
    columns: Float,
    rows: Float,
    cones: Cones,
    number: int,
    light: tuple[float, float, float],
) -> None:
    """One rounded cone: for every pixel, the sphere along the bone that comes closest to the viewer.

    With u along and v across the bone on the screen, L its length there and dz its rise, the surface of a cylinder
    is highest at t = (u + w · dz / hypot(L, dz)) / L, where w² = r² − v².
    """
    # Plain Python numbers: NumPy's own scalars would turn float32 into float64.
    x0, y0, z0 = cones.start[number].tolist()
    x1, y1, z1 = cones.end[number].tolist()
    r0, r1 = cones.start_radius[number].item(), cones.end_radius[number].item()
    length, dz = max(math.hypot(x1 - x0, y1 - y0), 1e-3), z1 - z0
    ax, ay = (x1 - x0) / length, (y1 - y0) / length
    along = columns * ax + (rows * ay - (x0 * ax + y0 * ay))
    across = columns * -ay + (rows * ax + (x0 * ay - y0 * ax))
    across_squared = across * across
    t = np.maximum(((r0 + r1) / 2) ** 2 - across_squared, 0)
    np.sqrt(t, out=t)
    t *= dz / math.hypot(length, dz)
    t += along
    t *= 1 / length
    np.minimum(np.maximum(t, 0, out=t), 1, out=t)
    along -= t * length
    radius = t * (r1 - r0)
    radius += r0
    height = radius * radius
    height -= across_squared
    height -= along * along
    depth = surface.depth[window]
    nearer = height > 0
    np.sqrt(np.maximum(height, 0, out=height), out=height)
    t *= dz
    t += height
    t += z0
    nearer &= t > depth
    if not nearer.any():
        return
    # The normal is (along, across, height) / radius in the bone's own directions; so is the light.
    along *= light[0] * ax + light[1] * ay
    across *= light[1] * ax - light[0] * ay
    height *= light[2]
    height += along
    height += across
    height /= radius
    np.copyto(depth, t, where=nearer)
    np.copyto(surface.shade[window], height, where=nearer)
    np.copyto(surface.cone[window], np.int16(number), where=nearer)


def smooth(surface: Surface, soft: NDArray[np.bool_], scale: float) -> None:
    """Even out the light over the cones marked in ``soft`` (n,): muscle and skin, without furrows between them."""
    size = max(3, round(scale * 0.2) | 1)
    solid = (surface.cone >= 0).astype(np.float32)
    even = cv2.blur(surface.shade, (size, size)) / np.maximum(cv2.blur(solid, (size, size)), np.float32(1e-3))
    np.copyto(surface.shade, even, where=np.append(soft, False)[surface.cone])


def seams(surface: Surface, scale: float) -> Float:
    """How deep each pixel lies between nearer ones: float32 (H, W), 0…1; ``scale`` is in pixels a palm.

    The blurred depth minus the depth: a cheap ambient occlusion, and the outline that tells finger from finger.
    """
    solid = surface.cone >= 0
    if not solid.any():
        return np.zeros_like(surface.depth)
    floor = float(surface.depth[solid].min())
    depth = np.maximum(surface.depth, np.float32(floor))
    narrow = max(3, round(scale * 0.09) | 1)
    wide = max(5, round(scale * 0.32) | 1)
    near = cv2.blur(depth, (narrow, narrow)) - depth
    far = cv2.blur(depth, (wide, wide)) - depth
    hollow = np.clip(near * np.float32(9 / scale), 0, 0.65) + np.clip(far * np.float32(2.2 / scale), 0, 0.35)
    result: Float = hollow.astype(np.float32)
    return result


def colour(surface: Surface, hollow: Float, palette: Float, ambient: float) -> Float:
    """Light and colour: float32 (H, W, 4), premultiplied RGB in 0…255 and coverage in 0…1.

    ``hollow`` is what ``seams`` gave, ``palette`` float32 (n, 3), RGB 0…255 of every cone, ``ambient`` the share of the
    ambient light, 0…1.
    """
    light = ambient + (1 - ambient) * np.maximum(surface.shade, 0)
    light *= 1 - 0.85 * hollow
    table = np.zeros((len(palette) + 1, 4), np.float32)
    table[:-1, :3], table[:-1, 3] = palette, 1
    rgba: Float = table.take(surface.cone, axis=0, mode="wrap")
    # Multiplying four equal planes is three times as fast as broadcasting one over the colours.
    rgba *= cv2.merge((light, light, light, np.ones_like(light)))
    return rgba
