"""A hand from joint angles: bones and flesh as rounded cones in three dimensions.

Lengths are in palms: the distance from the wrist to the middle knuckle is 1 (about 90 mm). The axes are those of a
right hand held up with its palm to the viewer: x to the viewer's right (where the thumb is), y up along the middle
finger, z out of the palm towards the viewer. Bone lengths are rounded averages of adult hands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# One row a finger: where its knuckle (MCP joint) sits, and its three bones.
KNUCKLES = np.array([(0.25, 0.97, 0.0), (0.06, 1.0, 0.02), (-0.13, 0.95, 0.01), (-0.30, 0.85, -0.03)])
PHALANGES = np.array([(0.46, 0.28, 0.22), (0.50, 0.31, 0.23), (0.47, 0.29, 0.23), (0.37, 0.21, 0.20)])
FINGER_RADII = np.array([0.118, 0.122, 0.115, 0.100])
# From the knuckle to the tip a finger loses a quarter of its thickness.
TAPER = np.array([1.0, 0.95, 0.89, 0.76])
# Seen from the wrist the metacarpals fan out from here.
CARPALS = np.array([(0.13, 0.10, 0.0), (0.04, 0.08, 0.0), (-0.06, 0.08, 0.0), (-0.15, 0.10, 0.0)])
THUMB_BASE = np.array((0.20, 0.16, 0.08))
THUMB_BONES = np.array((0.46, 0.35, 0.29))
THUMB_RADII = np.array((0.19, 0.15, 0.135, 0.10))
METACARPAL_RADIUS = 0.20
FOREARM = 3.2


class Pose(NamedTuple):
    """One handshape; angles in degrees."""

    fingers: Array
    """float64 (4, 4): index … pinky × (spread towards the thumb's side, MCP, PIP, DIP flexion)."""
    thumb: Array
    """float64 (3, 2): metacarpal, proximal, distal × (azimuth from y towards x, elevation towards z)."""
    wrist: Array
    """float64 (4,): roll about the hand's own y (90 turns the palm to the viewer's right, 180 shows its back),
    pitch about x (positive tips the fingers towards the viewer), turn in the picture (positive is
    counter-clockwise), and where the forearm comes from (0 straight below, positive from the viewer's left)."""

    def mixed(self, other: Pose, share: float) -> Pose:
        """``share`` of the way (0…1; beyond, it extrapolates) from this pose to the other, joint by joint."""
        return Pose(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))

    def shaken(self, rng: np.random.Generator, fingers: float, wrist: float) -> Pose:
        """The same handshape as another hand would form it: normal noise of so many degrees per joint."""
        return Pose(
            # A spread of 4 degrees already separates two fingers: it varies less than a flexion.
            self.fingers + rng.normal(0, fingers, (4, 4)) * (0.4, 1.0, 1.0, 0.8),
            self.thumb + rng.normal(0, fingers * 0.7, (3, 2)),
            self.wrist + rng.normal(0, wrist, 4) * (1.0, 0.8, 0.7, 1.2),
        )


class Build(NamedTuple):
    """One person's proportions, as factors on the average hand."""

    fingers: Array
    """float64 (4,): length of each finger."""
    thumb: float = 1.0
    width: float = 1.0
    """Of the palm."""
    thickness: float = 1.0
    """Of fingers and thumb."""


AVERAGE = Build(np.ones(4))


class Cones(NamedTuple):
    """``n`` rounded cones, in palms and later in pixels. Such a cone is the hull of two spheres."""

    start: Array
    """float64 (n, 3)."""
    end: Array
    """float64 (n, 3)."""
    start_radius: Array
    """float64 (n,)."""
    end_radius: Array
    """float64 (n,)."""
    palmar: Array
    """float64 (n,): 1 where the cone shows its palm side to the viewer, −1 where its back."""
    kind: NDArray[np.intp]
    """(n,): ``PALM`` to ``SLEEVE``."""


PALM, FINGER, THUMB, NAIL, ARM, SLEEVE = range(6)


def rotation(roll: float, pitch: float, turn: float) -> Array:
    """The matrix (3, 3) that first rolls about y, then pitches about x, then turns about z. Degrees."""
    a, b, c = np.radians((roll, pitch, turn))
    about_y = np.array(((np.cos(a), 0, np.sin(a)), (0, 1, 0), (-np.sin(a), 0, np.cos(a))))
    about_x = np.array(((1, 0, 0), (0, np.cos(b), -np.sin(b)), (0, np.sin(b), np.cos(b))))
    about_z = np.array(((np.cos(c), -np.sin(c), 0), (np.sin(c), np.cos(c), 0), (0, 0, 1)))
    return about_z @ about_x @ about_y  # type: ignore[no-any-return]


def finger_joints(pose: Pose, build: Build) -> tuple[Array, Array]:
    """Knuckle, two joints and tip of four fingers, and the direction that the palm side of each bone faces.

    Returns:
        float64 (4, 4, 3): finger × joint × xyz, and float64 (4, 3, 3): finger × bone × xyz, of length 1.
    """
    spread = np.radians(pose.fingers[:, 0])
    bend = np.cumsum(np.radians(pose.fingers[:, 1:]), axis=1)[:, :, np.newaxis]
    forward = np.stack((np.sin(spread), np.cos(spread), np.zeros(4)), axis=1)[:, np.newaxis]
    out = np.array((0.0, 0.0, 1.0))
    bones = forward * np.cos(bend) + out * np.sin(bend)
    steps = bones * (PHALANGES * build.fingers[:, np.newaxis])[:, :, np.newaxis]
    knuckles = (KNUCKLES * (build.width, 1, 1))[:, np.newaxis]
    joints = np.concatenate((knuckles, knuckles + np.cumsum(steps, axis=1)), axis=1)
    return joints, out * np.cos(bend) - forward * np.sin(bend)


def thumb_joints(pose: Pose, build: Build) -> tuple[Array, Array]:
    """Base, two joints and tip of the thumb, and the direction that the palm side of each bone faces.

    Returns:
        float64 (4, 3) and float64 (3, 3), as for ``finger_joints``.
    """
    azimuth, elevation = np.radians(pose.thumb.T)
    level = np.cos(elevation)
    bones = np.stack((np.sin(azimuth) * level, np.cos(azimuth) * level, np.sin(elevation)), axis=1)
    steps = bones * (THUMB_BONES * build.thumb)[:, np.newaxis]
    base = (THUMB_BASE * (build.width, 1, 1))[np.newaxis]
    # The thumb's pad faces across the palm, at right angles to the bone: its nail faces away from the fingers.
    across = np.array((-0.85, 0.0, 0.5))
    pad = across - bones * (bones @ across)[:, np.newaxis]
    return np.concatenate((base, base + np.cumsum(steps, axis=0))), pad / np.linalg.norm(pad, axis=1, keepdims=True)


def hand_landmarks(pose: Pose, build: Build = AVERAGE, mirrored: bool = False) -> Array:
    """Where the wrist and the joints are: float64 (21, 3), as ``hand_cones``, in the order of MediaPipe's hands.

    Wrist, then thumb, index, middle, ring and little finger, each from its root to its tip.
    """
    fingers, thumb = finger_joints(pose, build)[0], thumb_joints(pose, build)[0]
    joints = np.vstack((np.zeros((1, 3)), thumb, fingers.reshape(-1, 3)))
    side = np.array((-1.0 if mirrored else 1.0, 1.0, 1.0))
    return joints @ rotation(*pose.wrist[:3]).T * side  # type: ignore[no-any-return]


def _nails(tips: Array, bones: Array, pads: Array, radii: Array) -> tuple[Array, Array, Array]:
    """Start, end (n, 3) and radius (n,) of the nails: slivers that stick out of the back of each last bone."""
    back = tips - pads * (radii * 0.58)[:, np.newaxis]
    return back - bones * 0.085, back + bones * 0.02, radii * 0.52


def hand_cones(pose: Pose, build: Build = AVERAGE, sleeve: float = 1.2, mirrored: bool = False) -> Cones:
    """The hand in palms, turned as its wrist says, with the wrist at the origin and z towards the viewer.

    The forearm is covered from ``sleeve`` palms below the wrist; a left hand is ``mirrored``.
    """
    hand, pads = _upright_hand(pose, build)
    turned = rotation(*pose.wrist[:3])
    arm_start, arm_end, arm_radii = _forearm(pose, turned, build, sleeve)
    side = np.array((-1.0 if mirrored else 1.0, 1.0, 1.0))
    return Cones(
        np.vstack((hand.start @ turned.T, arm_start)) * side,
        np.vstack((hand.end @ turned.T, arm_end)) * side,
        np.append(hand.start_radius, [r[0] for r in arm_radii]),
        np.append(hand.end_radius, [r[1] for r in arm_radii]),
        np.concatenate(((pads @ turned.T)[:, 2], np.zeros(5 + len(arm_start)))),
        np.append(hand.kind, (ARM, ARM, SLEEVE)),
    )


def _upright_hand(pose: Pose, build: Build) -> tuple[Cones, Array]:
    """The hand without forearm before its wrist turns it, and the direction (21, 3) of its palm side, without nails."""
    fingers, finger_pads = finger_joints(pose, build)
    thumb, thumb_pads = thumb_joints(pose, build)
    radii = FINGER_RADII[:, np.newaxis] * TAPER * build.thickness
    thumb_radii = THUMB_RADII * build.thickness
    tips, last = fingers[:, 3], fingers[:, 3] - fingers[:, 2]
    last = last / np.linalg.norm(last, axis=1, keepdims=True)
    thumb_last = (thumb[3] - thumb[2]) / np.linalg.norm(thumb[3] - thumb[2])
    nail_start, nail_end, nail_radius = _nails(
        np.vstack((tips, thumb[3:])),
        np.vstack((last, thumb_last)),
        np.vstack((finger_pads[:, 2], thumb_pads[2:])),
        np.append(radii[:, 3], thumb_radii[3]),
    )
    carpals = CARPALS * (build.width, 1, 1)
    web = np.array((0.16, 0.45, 0.02)) * (build.width, 1, 1)
    heel = np.array((-0.17, 0.28, 0.05)) * (build.width, 1, 1)
    start = [*carpals, web, heel, *fingers[:, :3].reshape(-1, 3), *thumb[:3], *nail_start]
    end = [*fingers[:, 0], thumb[1], fingers[3, 0] * 0.8, *fingers[:, 1:].reshape(-1, 3), *thumb[1:], *nail_end]
    start_radius = [METACARPAL_RADIUS] * 4 + [0.17, 0.18, *radii[:, :3].ravel(), *thumb_radii[:3], *nail_radius]
    end_radius = [*(radii[:, 0] * 1.25), 0.12, 0.14, *radii[:, 1:].ravel(), *thumb_radii[1:], *nail_radius]
    pads = np.vstack((np.tile((0.0, 0.0, 1.0), (6, 1)), finger_pads.reshape(-1, 3), thumb_pads))
    kind = np.repeat((PALM, FINGER, THUMB, NAIL), (6, 12, 3, 5))
    palmar = np.zeros(len(kind))  # known once the hand is turned
    return Cones(np.array(start), np.array(end), np.array(start_radius), np.array(end_radius), palmar, kind), pads


def _forearm(pose: Pose, turned: Array, build: Build, sleeve: float) -> tuple[Array, Array, list[tuple[float, float]]]:
    """Two bones side by side, flat like a wrist, then the sleeve; it leads down and away from the viewer."""
    come_from = np.radians(pose.wrist[3])
    away = np.array((-np.sin(come_from), -np.cos(come_from), -0.25))
    side = turned @ np.array((0.09 * build.width, 0.0, 0.0))
    arm = np.array([side + turned @ (0, 0.06, 0), -side + turned @ (0, 0.06, 0), away * sleeve])
    ends = np.array([side * 1.5 + away * FOREARM, -side * 1.5 + away * FOREARM, away * FOREARM])
    return arm, ends, [(0.20, 0.27), (0.20, 0.27), (0.36, 0.46)]


def to_pixels(cones: Cones, scale: float, x: float, y: float) -> Cones:
    """From palms to pixels: ``scale`` pixels a palm, the wrist at (x, y), y now downwards."""
    to = np.array((scale, -scale, scale))
    scaled = cones._replace(
        start=cones.start * to,
        end=cones.end * to,
        start_radius=cones.start_radius * scale,
        end_radius=cones.end_radius * scale,
    )
    return moved(scaled, x, y)


def moved(cones: Cones, x: float, y: float) -> Cones:
    """The same cones moved to the right and down, in their own unit."""
    by = np.array((x, y, 0.0))
    return cones._replace(start=cones.start + by, end=cones.end + by)
