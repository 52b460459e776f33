"""The stages of a bundle of format 1: a square of the frame, and a classifier that sees it."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import SquareManifest
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.classifier import Classifier
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.locator import locator_for
from edge_asl_device.inference.recognition import Recognition


class SquareStages:
    """Locate → cut → classify."""

    def __init__(self, manifest: SquareManifest, engine: TfliteEngine) -> None:
        self.classifier = Classifier(engine, manifest.input)
        self.locator = locator_for(manifest.input)
        self._classes = len(manifest.labels)

    def recognise(
        self, frame: NDArray[np.uint8], known: Square | None = None, time_s: float | None = None
    ) -> Recognition:
        """See ``Recogniser.recognise``; every frame is looked at by itself."""
        started = time.perf_counter()
        square = known or self.locator.locate(frame)
        located_s = time.perf_counter() - started
        if square is None:
            return Recognition(None, None, np.zeros(self._classes, np.float32), {"locate": located_s})
        hand = square.cut(frame)
        found, stages = self.classifier.answer(hand)
        return Recognition(square, hand, found, {"locate": located_s} | stages)
