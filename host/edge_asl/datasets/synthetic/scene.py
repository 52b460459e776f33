"""Who signs, in what light, before what: everything about a picture that is not the handshape."""

from __future__ import annotations

import functools
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic import render
from edge_asl.datasets.synthetic.skeleton import (
    ARM,
    METACARPAL_RADIUS,
    NAIL,
    PALM,
    SLEEVE,
    Build,
    Parts,
    Pose,
    hand_parts,
    moved,
    to_pixels,
)

Float = NDArray[np.float32]

# From very light to very dark, RGB, by eye from photographs; people lie between two neighbours.
SKINS = np.array(
    [(246, 212, 186), (232, 182, 150), (208, 148, 112), (172, 112, 76), (128, 80, 52), (92, 58, 42)], np.float32
)


class Person(NamedTuple):
    """What stays the same in all pictures of one person."""

    build: Build
    skin: tuple[float, float, float]
    """RGB, 0…255, of the back of the hand in full light."""
    sleeve: tuple[float, float, float]
    """RGB, 0…255."""
    sleeve_from: float
    """Palms below the wrist where the sleeve begins; 3 and more is a bare arm."""
    left_handed: bool
    habit: Pose
    """Degrees added to every handshape: how this person differs from the table."""


class Light(NamedTuple):
    """One lamp and what comes from everywhere."""

    direction: tuple[float, float, float]
    """Unit vector towards the lamp: x right, y down, z towards the viewer."""
    ambient: float
    tint: tuple[float, float, float]
    """RGB factors: brightness and white balance."""


class View(NamedTuple):
    """Where the hand is in the picture and how sharp that is."""

    scale: float
    """Palms to the picture's shorter side: 0.35 means that a palm is 35 % of it."""
    shift: tuple[float, float]
    """Of the hand's centre from the picture's, as shares of the shorter side; y downwards."""
    blur: float
    """Sigma in pixels of a 96-pixel picture."""
    noise: float
    """Sigma of the sensor's noise in grey levels."""


def random_person(rng: np.random.Generator, left_handed: bool | None = None) -> Person:
    """Somebody. One in twenty is left-handed unless told: half as many as among people, because a left hand is a
    second set of shapes, which a few thousand pictures must also teach.
    """
    tone = rng.uniform(0, len(SKINS) - 1)
    below = min(int(tone), len(SKINS) - 2)
    skin = SKINS[below] + (SKINS[below + 1] - SKINS[below]) * (tone - below) + rng.normal(0, 5, 3)
    build = Build(
        fingers=rng.normal(1.0, 0.05) * rng.normal(1.0, 0.025, 4),
        thumb=rng.normal(1.0, 0.04),
        width=rng.normal(1.0, 0.05),
        thickness=rng.normal(1.0, 0.07),
    )
    still = Pose(np.zeros((4, 4)), np.zeros((3, 2)), np.zeros(4))
    left = bool(rng.random() < 0.05)
    return Person(
        build,
        _rgb(skin),
        _rgb(rng.uniform(15, 235, 3)),
        float(rng.choice((rng.uniform(0.4, 1.4), 4.0), p=(0.7, 0.3))),
        left if left_handed is None else left_handed,
        still.shaken(rng, fingers=2.2, wrist=3.0),
    )


def random_light(rng: np.random.Generator) -> Light:
    """A lamp or window above or beside the viewer; warm to cool."""
    towards = np.array((rng.uniform(-0.9, 0.9), rng.uniform(-1.0, 0.15), rng.uniform(0.5, 1.0)))
    towards /= np.linalg.norm(towards)
    warmth = rng.normal(0, 0.05)
    tint = rng.uniform(0.85, 1.1) * np.array((1 + warmth, 1.0, 1 - warmth))
    return Light(_rgb(towards), rng.uniform(0.35, 0.6), _rgb(tint))


def random_view(rng: np.random.Generator) -> View:
    """A hand near the picture's middle; upright and open it fills two thirds to nine tenths of the height."""
    shift = rng.normal(0, 0.025, 2).clip(-0.07, 0.07)
    return View(
        rng.uniform(0.35, 0.43),
        (float(shift[0]), float(shift[1])),
        float(rng.uniform(0, 0.6)),
        float(rng.uniform(0.5, 4)),
    )


def _rgb(values: NDArray[np.float32] | NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def background(rng: np.random.Generator, height: int, width: int) -> Float:
    """A blurred room: a graded wall with posters, shelves, lamps and cables; sometimes nearly bare.

    Returns:
        float32 (height, width, 3), RGB 0…255.
    """
    wall = rng.uniform(40, 220)
    corners = wall + rng.normal(0, 18, (2, 2, 1)) + rng.normal(0, 9, (2, 2, 3))
    ground = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    side = max(height, width)
    for _ in range(int(rng.choice((rng.integers(0, 4), rng.integers(4, 11))))):
        x, y = rng.integers(-side // 10, width), rng.integers(-side // 10, height)
        w, h = rng.integers(side // 16, side // 2, 2)
        # Rooms are mostly grey and brown: brightness varies more than hue.
        paint = tuple(wall + rng.normal(0, 40) + rng.normal(0, 20, 3))
        match int(rng.integers(4)):
            case 0:
                cv2.rectangle(ground, (x, y), (x + w, y + h), paint, -1)
            case 1:
                cv2.ellipse(ground, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, paint, -1)
            case 2:
                end = (x + int(rng.integers(-w, w)), y + h)
                cv2.line(ground, (x, y), end, paint, max(1, side // int(rng.integers(12, 60))))
            case _:
                points = np.array((x, y)) + rng.integers(-w, w, (int(rng.integers(3, 6)), 2)) // 2
                cv2.fillPoly(ground, [points.astype(np.int32)], paint)
    # A hand in focus stands before a room that is a little out of it.
    return cv2.GaussianBlur(ground, (0, 0), float(rng.uniform(1.2, 3.5)) * side / 96)  # type: ignore[return-value]


def posed(person: Person, pose: Pose) -> Parts:
    """The person's hand in that pose, habits and all, in palms with the wrist at the origin."""
    own = Pose(*(a + b for a, b in zip(pose, person.habit, strict=True)))
    return hand_parts(own, person.build, person.sleeve_from, person.left_handed)


def centre(parts: Parts) -> tuple[float, float]:
    """The middle of the hand's box without the arm, in palms from the wrist; y up."""
    hand = parts.kind < ARM
    points = np.vstack((parts.start[hand, :2], parts.end[hand, :2]))
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    return float(x), float(y)


def with_hand(
    ground: Float,
    person: Person,
    pose: Pose,
    light: Light,
    view: View,
    offset: tuple[float, float] = (0.0, 0.0),
    oversample: float = 1.0,
) -> Float:
    """``ground`` with a hand where ``view`` says; ``offset`` moves it by palms to the right and down."""
    parts = posed(person, pose)
    x, y = centre(parts)
    height, width = ground.shape[:2]
    side = min(height, width) * oversample
    scale = view.scale * side
    left = (0.5 + view.shift[0]) * side + (width * oversample - side) / 2 - (x - offset[0]) * scale
    top = (0.5 + view.shift[1]) * side + (height * oversample - side) / 2 + (y + offset[1]) * scale
    return paint(ground, to_pixels(parts, scale, left, top), person, light, oversample)


def paint(ground: Float, parts: Parts, person: Person, light: Light, oversample: float = 1.0) -> Float:
    """Draw a hand over a background.

    Args:
        ground: float32 (H, W, 3), RGB 0…255.
        parts: in pixels of ``ground`` × ``oversample``.
        person: whose colours.
        light: on the hand.
        oversample: how much finer than ``ground`` the hand is drawn before it is averaged down: 1 or 1.5.

    Returns:
        float32 (H, W, 3), RGB, about 0…255.
    """
    image = ground.copy()
    left, top, right, bottom = _window(parts, ground.shape[0], ground.shape[1], oversample)
    if left >= right or top >= bottom:
        return image
    fine = (round((bottom - top) * oversample), round((right - left) * oversample))
    parts = moved(parts, -left * oversample, -top * oversample)
    # Radii in pixels give the scale back: metacarpals start with the same radius in everybody.
    scale = float(parts.start_radius[0]) / METACARPAL_RADIUS
    surface = render.rasterise(parts, *fine, light.direction)
    render.smooth(surface, (parts.kind == PALM) | (parts.kind == ARM), scale)
    rgba = render.colour(surface, render.seams(surface, scale), _palette(parts, person), light.ambient)
    if oversample != 1.0:
        rgba = cv2.resize(rgba, (right - left, bottom - top), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    behind = image[top:bottom, left:right]
    clear = 1 - rgba[:, :, 3]
    behind *= cv2.merge((clear, clear, clear))
    behind += rgba[:, :, :3]
    return image


def _window(parts: Parts, height: int, width: int, oversample: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the hand covers: even numbers, so that 1.5 times them are whole pixels."""
    reach = np.maximum(parts.start_radius, parts.end_radius)[:, np.newaxis] + 2
    low = (np.minimum(parts.start, parts.end)[:, :2] - reach).min(axis=0) / oversample
    high = (np.maximum(parts.start, parts.end)[:, :2] + reach).max(axis=0) / oversample
    left, top = (max(0, int(edge) // 2 * 2) for edge in low)
    right, bottom = (
        min(side // 2 * 2, int(edge) // 2 * 2 + 2) for edge, side in zip(high, (width, height), strict=True)
    )
    return left, top, right, bottom


def _palette(parts: Parts, person: Person) -> Float:
    """RGB of every part: palms and finger pads are lighter and redder than backs, most so on dark skin."""
    skin = np.array(person.skin, np.float32)
    pad = skin + (255 - skin) * 0.14 + np.array((6, -3, -2), np.float32)
    share = ((parts.palmar + 1) / 2).astype(np.float32)[:, np.newaxis]
    palette = skin + (pad - skin) * share
    palette[parts.kind == NAIL] = skin + (255 - skin) * 0.36
    palette[parts.kind == SLEEVE] = person.sleeve
    return palette.clip(0, 255)


def expose(image: Float, view: View, light: Light, noise: Float) -> NDArray[np.uint8]:
    """What the camera makes of it: white balance, blur, noise, clipping.

    Args:
        image: float32 (H, W, 3), RGB.
        view: blur.
        light: brightness and white balance.
        noise: float32 (H, W, 3), in grey levels.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    seen = np.clip(image * np.array(light.tint, np.float32), 0, 255).astype(np.uint8)
    sigma = view.blur * min(image.shape[:2]) / 96
    if sigma > 0.25:
        cv2.GaussianBlur(seen, (0, 0), sigma, dst=seen)
    return cv2.add(seen, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]


@functools.cache
def grain(size: int) -> Float:
    """Standard normal noise, float32 (size, size, 3), always the same; look at it through a window that jumps.

    New noise for every picture would cost as much as a third of drawing the hand.
    """
    return np.random.default_rng(size).standard_normal((size, size, 3), dtype=np.float32)


def jumping_window(grain: Float, rng: np.random.Generator, height: int, width: int) -> Float:
    """A view (height, width, 3) of ``grain`` at a random place."""
    top = int(rng.integers(0, grain.shape[0] - height + 1))
    left = int(rng.integers(0, grain.shape[1] - width + 1))
    return grain[top : top + height, left : left + width]
