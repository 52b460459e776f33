"""Eyes for hands that exist as landmarks only: a second implementation of ``Eyes``, with a script instead of models."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.palms import View
from edge_asl_device.inference.hands.region import Region, region_of_landmarks
from edge_asl_device.inference.hands.stage import Palm

GOLDEN = json.loads((Path(__file__).parents[3] / "data" / "hands" / "mediapipe.json").read_text())
_OPEN_HAND = np.array(GOLDEN["hands"][6]["landmarks"], np.float32)
UPRIGHT = (_OPEN_HAND - _OPEN_HAND.mean(axis=0)) / np.ptp(_OPEN_HAND, axis=0).max()
"""A hand around 0 whose longer side is 1."""


def hand_at(x: float, y: float, size: float) -> np.ndarray:
    """Landmarks, float32 (21, 2), of a hand of ``size`` pixels around x, y."""
    return UPRIGHT * np.float32(size) + np.array([x, y], np.float32)


class DrawnEyes:
    """Sees the ``hands`` as they are at the moment; counts how often it looked.

    A region shows the nearest hand whose middle lies in its inner half and whose size fits; else nothing is present.
    """

    def __init__(self, *hands: np.ndarray, left: bool = False) -> None:
        self.hands: Sequence[np.ndarray] = hands
        self.left = left
        self.seen_through: set[View] | None = None
        """The views through which palms are seen; None: all."""
        self.views: list[View] = []
        self.read_regions: list[Region] = []

    def palms(self, frame: np.ndarray, view: View, lowest: float) -> list[Palm]:
        self.views.append(view)
        seen = self.seen_through is None or view in self.seen_through
        return [Palm(0.9, region_of_landmarks(hand)) for hand in self.hands] if seen else []

    def read(self, frame: np.ndarray, region: Region) -> Hand:
        self.read_regions.append(region)
        fitting = [hand for hand in self.hands if self._distance(hand, region) < region.side / 4]
        fitting = [hand for hand in fitting if 0.5 < region_of_landmarks(hand).side / region.side < 2]
        nearest = min(fitting, key=lambda hand: self._distance(hand, region), default=None)
        landmarks = np.zeros((21, 2), np.float32) if nearest is None else nearest
        pooled = np.zeros(1152, np.float32)
        return Hand(landmarks, 0.0 if nearest is None else 0.9, self.left, region, pooled)

    @staticmethod
    def _distance(hand: np.ndarray, region: Region) -> float:
        around = region_of_landmarks(hand)
        return math.hypot(around.cx - region.cx, around.cy - region.cy)
