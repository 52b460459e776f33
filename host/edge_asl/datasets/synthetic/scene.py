"""The signer, the light and the background: everything in a picture except the handshape."""

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
    Cones,
    Pose,
    hand_cones,
    hand_landmarks,
    moved,
    to_pixels,
)

Float = NDArray[np.float32]

# From very light to very dark, RGB, estimated from photographs; a person's skin lies between two neighbours.
SKINS = np.array(
    [(246, 212, 186), (232, 182, 150), (208, 148, 112), (172, 112, 76), (128, 80, 52), (92, 58, 42)], np.float32
)


class Person(NamedTuple):
    """What is the same in all pictures of one person."""

    build: Build
    skin: tuple[float, float, float]
    """RGB, 0…255, of the back of the hand in full light."""
    sleeve: tuple[float, float, float]
    """RGB, 0…255."""
    sleeve_from: float
    """How many palms below the wrist the sleeve starts; 3 and more is a bare arm."""
    left_handed: bool
    habit: Pose
    """Degrees added to every handshape: this person's deviation from the table."""


class Light(NamedTuple):
    """One lamp and ambient light."""

    direction: tuple[float, float, float]
    """Unit vector towards the lamp: x right, y down, z towards the viewer."""
    ambient: float
    tint: tuple[float, float, float]
    """RGB factors: brightness and white balance."""


class View(NamedTuple):
    """Where the hand is in the picture, and how sharp the picture is."""

    scale: float
    """Length of a palm as a fraction of the picture's shorter side."""
    shift: tuple[float, float]
    """Offset of the hand's centre from the picture's, as fractions of the shorter side; y downwards."""
    blur: float
    """Sigma in pixels, for a 96-pixel picture."""
    noise: float
    """Sigma of the sensor noise in grey levels."""


def random_person(rng: np.random.Generator, left_handed: bool | None = None) -> Person:
    """A new person. One in twenty is left-handed unless specified: half as many as among real people, because left
    hands are a second set of shapes that a few thousand pictures must also cover.
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
    """A hand near the centre; upright and open it fills two thirds to nine tenths of the picture's height."""
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
    """A blurred room, float32 (height, width, 3), RGB 0…255: a wall with posters, shelves and cables, or bare."""
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


def posed(person: Person, pose: Pose) -> Cones:
    """The person's hand in that pose, habits and all, in palms with the wrist at the origin."""
    return hand_cones(_habitual(person, pose), person.build, person.sleeve_from, person.left_handed)


def _habitual(person: Person, pose: Pose) -> Pose:
    return Pose(*(a + b for a, b in zip(pose, person.habit, strict=True)))


def centre(cones: Cones) -> tuple[float, float]:
    """The centre of the hand's bounding box without the arm, in palms from the wrist; y up."""
    hand = cones.kind < ARM
    points = np.vstack((cones.start[hand, :2], cones.end[hand, :2]))
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
    cones = posed(person, pose)
    height, width = ground.shape[:2]
    scale, left, top = _place(cones, view, height * oversample, width * oversample, offset)
    return paint(ground, to_pixels(cones, scale, left, top), person, light, oversample)


def landmarks(
    person: Person, pose: Pose, view: View, height: int, width: int, offset: tuple[float, float] = (0.0, 0.0)
) -> Float:
    """Where ``with_hand`` shows the wrist and the joints: float32 (21, 2), pixels, as ``skeleton.hand_landmarks``."""
    scale, left, top = _place(posed(person, pose), view, height, width, offset)
    joints = hand_landmarks(_habitual(person, pose), person.build, person.left_handed)[:, :2]
    return (joints * (scale, -scale) + (left, top)).astype(np.float32)


def _place(
    cones: Cones, view: View, height: float, width: float, offset: tuple[float, float]
) -> tuple[float, float, float]:
    """Pixels a palm, and the wrist's place in the picture."""
    x, y = centre(cones)
    side = min(height, width)
    scale = view.scale * side
    left = (0.5 + view.shift[0]) * side + (width - side) / 2 - (x - offset[0]) * scale
    return scale, left, (0.5 + view.shift[1]) * side + (height - side) / 2 + (y + offset[1]) * scale


def paint(ground: Float, cones: Cones, person: Person, light: Light, oversample: float = 1.0) -> Float:
    """Draw a hand over a background: float32 (H, W, 3), RGB, 0…255 and the result a little beyond.

    ``oversample`` is how much finer than ``ground`` the hand is drawn before it is scaled down, 1 or 1.5; ``cones``
    are in these finer pixels.
    """
    image = ground.copy()
    left, top, right, bottom = _window(cones, ground.shape[0], ground.shape[1], oversample)
    if left >= right or top >= bottom:
        return image
    fine = (round((bottom - top) * oversample), round((right - left) * oversample))
    cones = moved(cones, -left * oversample, -top * oversample)
    # The scale follows from radii in pixels: metacarpals start with the same radius in all people.
    scale = float(cones.start_radius[0]) / METACARPAL_RADIUS
    surface = render.rasterise(cones, *fine, light.direction)
    render.smooth(surface, (cones.kind == PALM) | (cones.kind == ARM), scale)
    rgba = render.colour(surface, render.seams(surface, scale), _palette(cones, person), light.ambient)
    if oversample != 1.0:
        rgba = cv2.resize(rgba, (right - left, bottom - top), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    behind = image[top:bottom, left:right]
    clear = 1 - rgba[:, :, 3]
    behind *= cv2.merge((clear, clear, clear))
    behind += rgba[:, :, :3]
    return image


def _window(cones: Cones, height: int, width: int, oversample: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the hand covers: even numbers, so that 1.5 times each is a whole number."""
    reach = np.maximum(cones.start_radius, cones.end_radius)[:, np.newaxis] + 2
    low = (np.minimum(cones.start, cones.end)[:, :2] - reach).min(axis=0) / oversample
    high = (np.maximum(cones.start, cones.end)[:, :2] + reach).max(axis=0) / oversample
    left, top = (max(0, int(edge) // 2 * 2) for edge in low)
    right, bottom = (
        min(side // 2 * 2, int(edge) // 2 * 2 + 2) for edge, side in zip(high, (width, height), strict=True)
    )
    return left, top, right, bottom


def _palette(cones: Cones, person: Person) -> Float:
    """RGB of every cone: palms and finger pads are lighter and redder than backs, especially on dark skin."""
    skin = np.array(person.skin, np.float32)
    pad = skin + (255 - skin) * 0.14 + np.array((6, -3, -2), np.float32)
    share = ((cones.palmar + 1) / 2).astype(np.float32)[:, np.newaxis]
    palette = skin + (pad - skin) * share
    palette[cones.kind == NAIL] = skin + (255 - skin) * 0.36
    palette[cones.kind == SLEEVE] = person.sleeve
    return palette.clip(0, 255)


def expose(image: Float, view: View, light: Light, noise: Float) -> NDArray[np.uint8]:
    """What the camera records, RGB uint8 (H, W, 3): white balance, blur, noise, clipping.

    ``image`` and ``noise`` are float32 (H, W, 3), in grey levels.
    """
    seen = np.clip(image * np.array(light.tint, np.float32), 0, 255).astype(np.uint8)
    sigma = view.blur * min(image.shape[:2]) / 96
    if sigma > 0.25:
        cv2.GaussianBlur(seen, (0, 0), sigma, dst=seen)
    return cv2.add(seen, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]


@functools.cache
def grain(size: int) -> Float:
    """Standard normal noise, float32 (size, size, 3), always the same; pictures use random windows of it.

    New noise for every picture would cost a third as much as drawing the hand.
    """
    return np.random.default_rng(size).standard_normal((size, size, 3), dtype=np.float32)


def random_window(grain: Float, rng: np.random.Generator, height: int, width: int) -> Float:
    """A view (height, width, 3) of ``grain`` at a random position."""
    top = int(rng.integers(0, grain.shape[0] - height + 1))
    left = int(rng.integers(0, grain.shape[1] - width + 1))
    return grain[top : top + height, left : left + width]
