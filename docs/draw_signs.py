"""Draws the handshapes that the kiosk's page shows beside the camera: one small picture for each letter and digit,
for space and for delete.

They are the synthetic signer's own hands, in clean light and without a room, on a transparent background. J and Z move:
an arrow follows the fingertip that draws them. Run it again after changing the signer; an unchanged signer gives the
same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic.motion import spelled
from edge_asl.datasets.synthetic.pictures import DIGITS, LETTERS
from edge_asl.datasets.synthetic.poses import EDITING, MOVING, POSES
from edge_asl.datasets.synthetic.scene import Light, Person, paint, posed
from edge_asl.datasets.synthetic.skeleton import ARM, AVERAGE, NAIL, Cones, Pose, to_pixels

FOLDER = Path(__file__).resolve().parent.parent / "device" / "edge_asl_device" / "web" / "static" / "signs"
SIZE = 192
QUALITY = 82
# Drawn finer and averaged down: smooth edges around the hand and along the arrow.
OVERSAMPLE = 4
# An open hand fills this share of the picture. A fist is enlarged, but only so far: the side as a multiple of the palm.
FILLED, LARGEST, MOVING_SCALE = 0.84, 0.50, 0.36
ARROW, OUTLINE = (0, 74, 173), (255, 255, 255)
SIGNER = Person(
    AVERAGE,
    skin=(196, 138, 102),
    sleeve=(38, 52, 74),
    sleeve_from=0.75,
    left_handed=False,
    habit=Pose(np.zeros((4, 4)), np.zeros((3, 2)), np.zeros(4)),
)
# A soft lamp from above left: seams show between the fingers, and nothing is lost in the dark.
LAMP = Light(direction=(-0.39, -0.55, 0.74), ambient=0.58, tint=(1.0, 1.0, 1.0))

# Which finger draws the letter: skeleton.hand_cones lists index, middle, ring, little finger, thumb.
DRAWING_NAIL = {"J": 3, "Z": 0}

# The signer's Z is small, made for a camera; in a picture, the arrow must stand clear of the finger.
WIDENED = {"J": 1.35, "Z": 1.45}

Picture = NDArray[np.uint8]
Point = NDArray[np.float64]
"""(2,) or (n, 2): x and y."""


def draw(sign: str) -> Picture:
    """One handshape.

    Args:
        sign: ``A``…``Z``, ``0``…``9``, ``space`` or ``del``.

    Returns:
        RGBA, uint8, (192, 192, 4), transparent around the hand.
    """
    if sign in MOVING:
        return _moving(sign)
    cones = posed(SIGNER, {**POSES, **EDITING}[sign])
    low, high = _box(cones)
    scale = min(LARGEST, FILLED / float((high - low).max()))
    return _shrunk(_hand(_placed(cones, scale, (low + high) / 2)))


def _moving(sign: str) -> Picture:
    """The hand where it begins, and the path of its fingertip."""
    states = next(step.states for step in spelled(sign, 1.0) if step.sign == sign)
    # Without the wrist's turn at the end of J, which would carry the fingertip out of the picture.
    way = np.array([(state.x, state.y) for state in states]) * WIDENED[sign]
    way -= way[0]
    cones = posed(SIGNER, MOVING[sign])
    low, high = _box(cones)
    middle = (np.minimum(low, high + way.min(axis=0)) + np.maximum(high, high + way.max(axis=0))) / 2
    placed = _placed(cones, MOVING_SCALE, middle)
    picture = _hand(placed)
    tips = _tip(placed, DRAWING_NAIL[sign]) + way * (1, -1) * MOVING_SCALE * SIZE * OVERSAMPLE
    _arrow(picture, _rounded(tips) if sign == "J" else tips)
    return _shrunk(picture)


def _box(cones: Cones) -> tuple[Point, Point]:
    """Lower left and upper right corner of the hand without the arm, in palm lengths from the wrist; y points up."""
    hand = cones.kind < ARM
    points = np.vstack((cones.start[hand, :2], cones.end[hand, :2]))
    radii = np.concatenate((cones.start_radius[hand], cones.end_radius[hand]))[:, np.newaxis]
    return (points - radii).min(axis=0), (points + radii).max(axis=0)


def _placed(cones: Cones, scale: float, middle: Point) -> Cones:
    """From palm lengths to pixels, with ``middle`` in the middle of the picture."""
    side = SIZE * OVERSAMPLE
    return to_pixels(cones, scale * side, (0.5 - middle[0] * scale) * side, (0.5 + middle[1] * scale) * side)


def _tip(cones: Cones, nail: int) -> Point:
    tip: Point = cones.start[cones.kind == NAIL][nail, :2]
    return tip


def _hand(cones: Cones) -> Picture:
    """RGBA, from the same hand in front of black and of white: it is opaque where the two agree.

    ``scene.paint`` only makes opaque pictures; where the background shines through, the two differ.
    """
    side = SIZE * OVERSAMPLE
    black, white = (paint(np.full((side, side, 3), grey, np.float32), cones, SIGNER, LAMP) for grey in (0.0, 255.0))
    cover = np.clip(1 - (white - black).mean(axis=2, keepdims=True) / 255, 0, 1)
    colour = black / np.maximum(cover, 1e-3)
    return np.dstack((colour.clip(0, 255), cover * 255)).astype(np.uint8)


def _rounded(curve: Point) -> Point:
    """(n, 2) → (m, 2): corners cut off three times over (Chaikin 1974), the ends kept."""
    for _ in range(3):
        quarter = curve[:-1] * 0.75 + curve[1:] * 0.25
        three = curve[:-1] * 0.25 + curve[1:] * 0.75
        inner = np.stack((quarter, three), axis=1).reshape(-1, 2)
        curve = np.vstack((curve[:1], inner, curve[-1:]))
    return curve


def _arrow(picture: Picture, way: Point) -> None:
    """A line with a head at its end, outlined so that it shows on skin and on any background."""
    ahead = way[-1] - way[-2]
    ahead /= np.linalg.norm(ahead)
    across = np.array((-ahead[1], ahead[0]))
    long, wide = 15 * OVERSAMPLE, 11 * OVERSAMPLE
    head = np.array((way[-1] + ahead * long, way[-1] + across * wide, way[-1] - across * wide))
    for colour, more in ((OUTLINE, 3.0 * OVERSAMPLE), (ARROW, 0.0)):
        paint_with = (*colour, 255)
        thick = round(6.5 * OVERSAMPLE + 2 * more)
        cv2.polylines(picture, [way.round().astype(np.int32)], False, paint_with, thick, cv2.LINE_AA)
        middle = head.mean(axis=0)
        grown = middle + (head - middle) * (1 + more * 1.9 / long)
        cv2.fillPoly(picture, [grown.round().astype(np.int32)], paint_with, cv2.LINE_AA)


def _shrunk(picture: Picture) -> Picture:
    """Averaged down with the colours weighted by their opacity, or a dark seam would run around the hand."""
    cover = picture[:, :, 3:].astype(np.float32) / 255
    premultiplied = np.dstack((picture[:, :, :3] * cover, cover))
    small = cv2.resize(premultiplied, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    colour = small[:, :, :3] / np.maximum(small[:, :, 3:], 1e-3)
    return np.dstack((colour.clip(0, 255), small[:, :, 3:] * 255)).round().astype(np.uint8)


def main() -> int:
    """Write every picture; say how large they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    total = 0
    for sign in (*sorted({*LETTERS, *MOVING}), *DIGITS, *EDITING):
        bgra = cv2.cvtColor(draw(sign), cv2.COLOR_RGBA2BGRA)
        ok, data = cv2.imencode(".webp", bgra, (cv2.IMWRITE_WEBP_QUALITY, QUALITY))
        if not ok:
            sys.stderr.write(f"{sign}: this OpenCV cannot write WebP; install opencv-python-headless\n")
            return 1
        (FOLDER / f"{sign}.webp").write_bytes(data.tobytes())
        total += len(data)
    sys.stdout.write(f"{FOLDER}: 38 handshapes, {total / 1024:.0f} KB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
