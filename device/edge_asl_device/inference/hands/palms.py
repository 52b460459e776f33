"""Palms: what the palm model is shown of a frame, and what its numbers mean.

The rules and their numbers are those of MediaPipe's graph ``palm_detection_cpu`` in its release 0.10.14.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.inference.hands.region import Region, region_of_palm, wrapped

SIZE = 192
POINTS = 7
WRIST, MIDDLE = 0, 2
OVERLAP = 0.3
"""Boxes whose intersection is more than this share of their union show the same palm."""
_LAYERS = ((8, 2), (16, 6))
"""Stride in pixels → anchors at each place."""


class View(NamedTuple):
    """How the palm model looks at a frame, with black around it; as it stands, at all of it."""

    zoom: float = 1.0
    """1: the frame's longer side fills the input. Less: smaller, for hands that fill the frame; more: part of it."""
    turn: float = 0.0
    """Radians clockwise: the model knows hands that point up."""
    x: float = 0.5
    """What comes to the middle of the input, in widths of the frame."""
    y: float = 0.5

    def to_picture(self, height: int, width: int) -> NDArray[np.float64]:
        """The affine map, float64 (2, 3), from the frame's pixels to the input's."""
        scale = self.zoom * SIZE / max(height, width)
        cos, sin = scale * math.cos(self.turn), scale * math.sin(self.turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([linear, SIZE / 2 - linear @ (self.x * width, self.y * height)])


class Palms(NamedTuple):
    """n palms, best first."""

    scores: NDArray[np.float32]
    """(n,), 0 to 1."""
    boxes: NDArray[np.float32]
    """(n, 4): left, top, right, bottom in pixels."""
    points: NDArray[np.float32]
    """(n, 7, 2): wrist, knuckles of index, middle, ring and little finger, two of the thumb."""


def look_at(frame: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """The palm model's picture of RGB uint8 ``frame`` (H, W, 3): (192, 192, 3)."""
    height, width = frame.shape[:2]
    return cv2.warpAffine(frame, view.to_picture(height, width), (SIZE, SIZE), flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


@functools.cache
def anchors() -> NDArray[np.float32]:
    """Centre x, y of the 2,016 anchors in pixels of the model's input, float32 (2016, 2)."""
    layers = []
    for stride, count in _LAYERS:
        centres = (np.arange(SIZE // stride, dtype=np.float32) + 0.5) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        layers.append(np.stack([x, y], axis=2).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(layers)


def score_limit(threshold: float) -> float:
    """The logit of a score between 0 and 1."""
    return math.log(threshold / (1 - threshold))


def decode(boxes: NDArray[np.float32], logits: NDArray[np.float32], places: NDArray[np.intp]) -> Palms:
    """The model's numbers as palms, in pixels of its input, best first.

    Args:
        boxes: float32 (n, 18): centre x, y from the anchor, width, height, x, y of seven points from the anchor.
        logits: float32 (n,).
        places: the anchor of each of the n.
    """
    order = np.argsort(-logits, kind="stable")
    boxes, logits, around = boxes[order], logits[order], anchors()[places[order]]
    centre, half = boxes[:, :2] + around, boxes[:, 2:4] / 2
    points = boxes[:, 4:].reshape(-1, POINTS, 2) + around[:, None]
    scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
    return Palms(scores, np.concatenate([centre - half, centre + half], axis=1), points)


def suppress(palms: Palms) -> Palms:
    """One palm for each that many anchors saw: their mean, weighted by score, with the best one's score.

    Weighted non-maximum suppression as in BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047).
    """
    found, left = [], np.arange(len(palms.scores))
    while left.size:
        same = overlap(palms.boxes[left[0]], palms.boxes[left]) > OVERLAP
        same[0] = True
        group = left[same]
        weights = palms.scores[group] / palms.scores[group].sum()
        found.append(
            (palms.scores[group[0]], weights @ palms.boxes[group], np.tensordot(weights, palms.points[group], 1))
        )
        left = left[~same]
    if not found:
        return palms
    scores, boxes, points = (np.stack(column).astype(np.float32) for column in zip(*found, strict=True))
    return Palms(scores, boxes, points)


def overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of ``box`` (4,) with each of ``boxes`` (n, 4): float32 (n,), 0 to 1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    both = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common
    found: NDArray[np.float32] = np.divide(common, both, out=np.zeros_like(common), where=both > 0)
    return found


def regions(palms: Palms, view: View, height: int, width: int) -> list[Region]:
    """The regions of the hands of these palms, seen through ``view``, in the pixels of a frame (height, width)."""
    back = np.asarray(cv2.invertAffineTransform(view.to_picture(height, width)), np.float64)
    return [
        _turned_back(region_of_palm(box, p[WRIST], p[MIDDLE]), view, back) for _, box, p in zip(*palms, strict=True)
    ]


def _turned_back(region: Region, view: View, back: NDArray[np.float64]) -> Region:
    cx, cy = back[:, :2] @ (region.cx, region.cy) + back[:, 2]
    scale = math.hypot(back[0, 0], back[1, 0])
    return Region(float(cx), float(cy), region.side * scale, wrapped(region.angle - view.turn))
