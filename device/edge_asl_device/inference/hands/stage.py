"""Finding a hand in a picture and reading it: the palm model, then the landmark model on the region of each palm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.palms import View, decode, look_at, regions, score_limit, suppress
from edge_asl_device.inference.hands.region import Region, cut, region_of_landmarks, to_frame

PRESENT = 0.5
"""From this presence on a region that is being followed shows a hand."""
SURE_PALM = 0.5
"""Palms below this score are only read where none above it shows a hand."""
CANDIDATES = 2
CROP = 224
_SMALL = 192
"""A picture with a side shorter than this is a cut-out hand rather than a frame."""
_PART, _WHOLE, _SURE_WHOLE = 0.3, 1.6, 0.8
"""A hand below this share of the frame's shorter side may be a part of another, which then extends so many times as far
and is present so surely."""


class Search(NamedTuple):
    """One look at the frame."""

    view: View
    palm: float
    """The lowest score of a palm that is read."""
    presence: float
    """The lowest presence of a hand that is believed: the odder the view, the more it must be one."""


PLAIN, SMALLER = Search(View(), 0.1, 0.5), Search(View(0.625), 0.1, 0.5)
_NEARER = [
    Search(View(1 / 0.6, 0.0, x, y), 0.3, 0.8)
    for x, y in ((0.5, 0.5), (0.3, 0.35), (0.7, 0.35), (0.3, 0.7), (0.7, 0.7))
]
_SURE = [Search(view, SURE_PALM, PRESENT) for view in (View(), View(0.625))]
SEARCHES = (*_SURE, PLAIN, SMALLER, *_NEARER)
"""Tried in this order until a hand is found: a palm of a low score is often a fingernail that passes for one, so both
views are asked for a sure one first. What each finds, and finds wrongly: docs/adr/0007."""


class Palm(NamedTuple):
    """A palm that was seen."""

    score: float
    """0 to 1."""
    region: Region
    """Of its hand."""


class Engine(Protocol):
    """What runs a model: ``TfliteEngine``."""

    spec: ModelSpec

    def invoke(self, *tensors: NDArray[np.int8]) -> tuple[NDArray[np.int8], ...]:
        """Input tensors to output tensors, in the specification's order."""
        ...


class Eyes(Protocol):
    """What the two models can do with a frame, RGB uint8 (H, W, 3)."""

    def palms(self, frame: NDArray[np.uint8], view: View, lowest: float) -> list[Palm]:
        """The palms seen through ``view`` with at least the score ``lowest``, best first."""
        ...

    def read(self, frame: NDArray[np.uint8], region: Region) -> Hand:
        """What a region shows, a hand or not."""
        ...


class HandStage:
    """Palms and landmarks in their engines.

    Args:
        palms: picture int8 (1, 192, 192, 3) → boxes (1, 2016, 18), scores (1, 2016, 1).
        landmarks: picture int8 (1, 224, 224, 3) → landmarks (1, 42), presence (1, 1), handedness (1, 1),
            pooled (1, 1152).
    """

    def __init__(self, palms: Engine, landmarks: Engine) -> None:
        self._palms, self._landmarks = palms, landmarks
        self._palm_input, self._landmark_input = (
            pixel_quantizer(engine.spec.inputs[0]) for engine in (palms, landmarks)
        )

    def find(self, frame: NDArray[np.uint8]) -> Hand | None:
        """The raised, larger hand of RGB uint8 ``frame`` (H, W, 3), wherever it points; None where there is none."""
        for search in SEARCHES:
            hand = look(self, frame, search)
            if hand is not None:
                return whole_hand(self, frame, hand)
        if min(frame.shape[:2]) >= _SMALL:
            return None
        return _read_again(self, frame, self.read(frame, _everything(frame)), PRESENT)

    def palms(self, frame: NDArray[np.uint8], view: View, lowest: float) -> list[Palm]:
        """The palms in RGB uint8 ``frame`` (H, W, 3), best first."""
        boxes, scores = self._palms.invoke(self._palm_input(look_at(frame, view)))
        box_tensor, score_tensor = self._palms.spec.outputs
        logits = real(scores.reshape(-1), score_tensor)
        places = np.flatnonzero(logits >= score_limit(lowest))
        found = suppress(decode(real(boxes[0, places], box_tensor), logits[places], places))
        return [
            Palm(float(score), region)
            for score, region in zip(found.scores, regions(found, view, *frame.shape[:2]), strict=True)
        ]

    def read(self, frame: NDArray[np.uint8], region: Region) -> Hand:
        """What the landmark model sees in ``region`` of RGB uint8 ``frame`` (H, W, 3)."""
        answers = self._landmarks.invoke(self._landmark_input(cut(frame, region, CROP)))
        landmarks, presence, side, pooled = (
            real(answer[0], tensor) for answer, tensor in zip(answers, self._landmarks.spec.outputs, strict=True)
        )
        points = to_frame(landmarks.reshape(-1, 2), region, CROP)
        left = bool(side[0] < 0.5) != region.mirrored
        return Hand(points, float(presence[0]), left, region, pooled)


def look(eyes: Eyes, frame: NDArray[np.uint8], search: Search = PLAIN) -> Hand | None:
    """The raised, larger hand of RGB uint8 ``frame`` (H, W, 3) in one look; None where there is none.

    It is read twice: the region of its own landmarks fits it better than that of its palm, and a left one is mirrored.
    """
    palms = eyes.palms(frame, search.view, search.palm)[:CANDIDATES]
    sure = [palm for palm in palms if palm.score >= SURE_PALM]
    for some in (sure, palms[len(sure) :]):
        hands = [eyes.read(frame, palm.region) for palm in some]
        present = [hand for hand in hands if hand.presence >= search.presence]
        if present:
            best = max(present, key=lambda hand: prominence(hand, frame.shape[0]))
            return _read_again(eyes, frame, best, search.presence)
    return None


def whole_hand(eyes: Eyes, frame: NDArray[np.uint8], hand: Hand) -> Hand:
    """``hand``, or the larger one that it is a part of: a fingertip or a thumb can pass for a small hand.

    Where there is none, that costs two searches; a hand of some size is returned at once.
    """
    if _extent(hand) >= _PART * min(frame.shape[:2]):
        return hand
    for around in _around(eyes, frame, hand):
        read = [_read_again(eyes, frame, eyes.read(frame, region), _SURE_WHOLE) for region in around]
        larger = [other for other in read if other is not None and _is_part(hand, other)]
        if larger:
            return max(larger, key=lambda other: other.presence)
    return hand


def _around(eyes: Eyes, frame: NDArray[np.uint8], hand: Hand) -> Iterator[list[Region]]:
    """Regions of palms around ``hand``, those of one look at a time; a cut-out picture's at last."""
    x, y = hand.landmarks.mean(axis=0)
    for search in (PLAIN, SMALLER):
        palms = [palm.region for palm in eyes.palms(frame, search.view, search.palm)]
        yield [it for it in palms if math.hypot(it.cx - x, it.cy - y) < it.side / 2]
    if min(frame.shape[:2]) < _SMALL:
        yield [_everything(frame)]


def _is_part(hand: Hand, other: Hand) -> bool:
    middle, corners = hand.landmarks.mean(axis=0), (other.landmarks.min(axis=0), other.landmarks.max(axis=0))
    inside = bool((corners[0] <= middle).all() and (middle <= corners[1]).all())
    return inside and _extent(other) > _WHOLE * _extent(hand)


def _extent(hand: Hand) -> float:
    return float(np.ptp(hand.landmarks, axis=0).max())


def _everything(frame: NDArray[np.uint8]) -> Region:
    height, width = frame.shape[:2]
    return Region(width / 2, height / 2, float(max(height, width)), 0.0)


def _read_again(eyes: Eyes, frame: NDArray[np.uint8], hand: Hand, presence: float) -> Hand | None:
    again = eyes.read(frame, region_of_landmarks(hand.landmarks, hand.left))
    return again if again.presence >= presence else None


def prominence(hand: Hand, height: int) -> float:
    """How large and how raised a hand is, in heights of the frame: who signs holds it up, and the other one rests."""
    extent = np.ptp(hand.landmarks, axis=0)
    return (math.sqrt(float(extent.prod())) - float(hand.landmarks[:, 1].mean())) / height


def pixel_quantizer(tensor: Tensor) -> Callable[[NDArray[np.uint8]], NDArray[np.int8]]:
    """What turns RGB uint8 (H, W, 3) into int8 (1, H, W, 3) for a model that takes pixel/255.

    At a scale of 1/255 and a zero point of −128 that is *pixel XOR 0x80*, ten times as quick as a table.
    """
    values: NDArray[np.float64] = np.arange(256) / 255 / tensor.scale + tensor.zero_point
    table = np.clip(np.rint(values), -128, 127).astype(np.int8)
    if np.array_equal(table, np.arange(-128, 128)):
        return lambda picture: np.bitwise_xor(picture, 0x80).view(np.int8)[np.newaxis]
    return lambda picture: cv2.LUT(picture, table)[np.newaxis]  # type: ignore[return-value]


def real(numbers: NDArray[np.int8], tensor: Tensor) -> NDArray[np.float32]:
    """What numbers of an output tensor stand for."""
    return (numbers - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
