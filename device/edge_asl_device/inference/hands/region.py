"""The turned square of the frame that the landmark model sees: from a palm, from landmarks, cut out, and back.

The rules and their numbers are those of MediaPipe's graph ``hand_landmark_tracking_cpu`` in its release 0.10.14.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

PALM_SCALE, PALM_SHIFT = 2.6, -0.5
"""A palm's region is this many times its box, moved by this share of the box along the hand (up is negative)."""
HAND_SCALE, HAND_SHIFT = 2.0, -0.1
WRIST, INDEX, MIDDLE, RING = 0, 5, 9, 13
_STEADY = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
"""Wrist, thumb and each finger up to its first joint: fingers that bend do not change the region."""


class Region(NamedTuple):
    """A square in the frame's pixels, turned; it may reach beyond the frame."""

    cx: float
    cy: float
    side: float
    angle: float
    """Radians, −π to π: how far the hand in it is turned clockwise from upright, *as the model sees it*: in a mirrored
    region a hand that leans to the right of the frame leans to the left."""
    mirrored: bool = False
    """Whether the model sees it mirrored, left for right. Left hands are, so that all hands look alike inside."""


def region_of_palm(box: NDArray[np.float32], wrist: NDArray[np.float32], knuckle: NDArray[np.float32]) -> Region:
    """The region of a hand whose palm was found.

    Args:
        box: float32 (4,): left, top, right, bottom of the palm in the frame's pixels.
        wrist: float32 (2,): x, y of the wrist.
        knuckle: float32 (2,): x, y of the middle finger's knuckle.
    """
    left, top, right, bottom = map(float, box)
    angle = _turn(wrist, knuckle)
    shift = PALM_SHIFT * (bottom - top)
    cx = (left + right) / 2 - shift * math.sin(angle)
    cy = (top + bottom) / 2 + shift * math.cos(angle)
    return Region(cx, cy, PALM_SCALE * max(right - left, bottom - top), angle)


def region_of_landmarks(landmarks: NDArray[np.float32], mirrored: bool = False) -> Region:
    """The region of the hand with these landmarks, float32 (21, 2), in the frame's pixels: where to read it again."""
    points = landmarks * (-1, 1) if mirrored else landmarks
    angle = _turn(points[WRIST], ((points[INDEX] + points[RING]) / 2 + points[MIDDLE]) / 2)
    steady = points[_STEADY]
    around = (steady.min(axis=0) + steady.max(axis=0)) / 2
    upright = (steady - around) @ _rotation(angle).T
    low, high = upright.min(axis=0), upright.max(axis=0)
    width, height = high - low
    cx, cy = around + ((low + high) / 2 + (0, HAND_SHIFT * height)) @ _rotation(angle)
    return Region(
        -float(cx) if mirrored else float(cx), float(cy), HAND_SCALE * float(max(width, height)), angle, mirrored
    )


def beside(region: Region) -> Region:
    """A region that shows the same hand a little smaller and turned by six degrees: for a second opinion."""
    return region._replace(side=region.side * 1.07, angle=wrapped(region.angle + 0.1))


def to_crop(region: Region, size: int) -> NDArray[np.float64]:
    """The affine map, float64 (2, 3), from the frame's pixels to those of the region cut out as (size, size)."""
    linear = size / max(region.side, 1.0) * _rotation(region.angle)
    if region.mirrored:
        linear[:, 0] *= -1
    return np.column_stack([linear, size / 2 - linear @ (region.cx, region.cy)])


def cut(frame: NDArray[np.uint8], region: Region, size: int) -> NDArray[np.uint8]:
    """The region upright, RGB uint8 (size, size, 3); beyond the frame (H, W, 3) its border is repeated."""
    return cv2.warpAffine(  # type: ignore[return-value]
        frame, to_crop(region, size), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def to_frame(points: NDArray[np.float32], region: Region, size: int) -> NDArray[np.float32]:
    """Points (n, 2) in the pixels of a region cut out as (size, size), in the frame's pixels."""
    back = cv2.invertAffineTransform(to_crop(region, size))
    found: NDArray[np.float64] = points @ back[:, :2].T + back[:, 2]
    return found.astype(np.float32)


def wrapped(angle: float) -> float:
    """The same turn between −π and π."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _turn(wrist: NDArray[np.float32], knuckle: NDArray[np.float32]) -> float:
    x, y = map(float, knuckle - wrist)
    return wrapped(math.pi / 2 - math.atan2(-y, x))


def _rotation(angle: float) -> NDArray[np.float64]:
    """Turns x, y (y down) of a hand that leans clockwise by ``angle`` upright."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])
