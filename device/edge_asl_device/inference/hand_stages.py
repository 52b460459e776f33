"""The stages of a bundle of format 2: find the hand, follow it, name its sign from its features."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import MARGIN
from edge_asl_device.contract.preprocess import Box, Square, square_around
from edge_asl_device.inference.hands.follow import HandFollower
from edge_asl_device.inference.hands.region import beside
from edge_asl_device.inference.hands.stage import HandStage
from edge_asl_device.inference.recognition import Recognition
from edge_asl_device.inference.sign_network import SignNetwork
from edge_asl_device.text.buffer import NOTHING

SURROUNDINGS = 3.0
"""Of a picture that is stored: the landmark model sees twice the hand, turned; the palm model wants more around it."""


class HandStages:
    """Palms → landmarks → features → sign network."""

    def __init__(self, stage: HandStage, sign: SignNetwork, labels: tuple[str, ...]) -> None:
        self.stage, self.sign = stage, sign
        self._follower = HandFollower(stage)
        self._nobody = np.zeros(len(labels), np.float32)
        if NOTHING in labels:
            self._nobody[labels.index(NOTHING)] = 1

    def recognise(
        self, frame: NDArray[np.uint8], known: Square | None = None, time_s: float | None = None
    ) -> Recognition:
        """See ``Recogniser.recognise``."""
        started = time.perf_counter()
        hand = self.stage.find(frame) if time_s is None else self._follower.follow(frame, time_s)
        located_s = time.perf_counter() - started
        if hand is None:
            return Recognition(None, None, self._nobody, {"locate": located_s})
        found, stages = self.sign.answer(hand)
        if time_s is None:
            # A picture by itself is read twice; of live frames, the transcriber takes the mean of many.
            began = time.perf_counter()
            again, _ = self.sign.answer(self.stage.read(frame, beside(hand.region)))
            found = (found + again) / 2
            stages["again"] = time.perf_counter() - began
        shown = hand.landmarks if hand.smoothed is None else hand.smoothed
        square = square_of_hand(shown, frame.shape[0], frame.shape[1])
        stages = {"locate": located_s} | stages
        return Recognition(
            square, square.cut(frame), found, stages, hand.landmarks, hand.smoothed, hand.left, hand.company
        )


def square_of_hand(landmarks: NDArray[np.float32], height: int, width: int, margin: float = MARGIN) -> Square:
    """The square around a hand's landmarks, float32 (21, 2) in pixels, ``margin`` times as long as they extend."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    (x, y), (w, h) = (low + high) / 2, high - low
    return square_around(
        Box(float(x / width), float(y / height), float(w / width), float(h / height)), height, width, margin
    )
