"""From a whole frame to the sign in it: locate → cut → classify, the one way of the device and the evaluation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.decode import Prediction, top
from edge_asl_device.contract.manifest import EDGETPU_MODEL, MODEL, Bundle, read_bundle
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.classifier import Classifier
from edge_asl_device.inference.engine import EDGETPU, PROCESSOR, TfliteEngine
from edge_asl_device.inference.locator import locator_for


class Recognition(NamedTuple):
    """What was seen in one frame, and how long each stage took."""

    square: Square | None
    """Where the hand is; None where no hand was found."""
    hand: NDArray[np.uint8] | None
    """RGB uint8 (s, s, 3): the square's pixels, a view of the frame."""
    probabilities: NDArray[np.float32]
    """float32 (classes,), 0 to 255/256, in the order of the bundle's labels; all 0 where no hand was found."""
    stages: dict[str, float]
    """Stage → seconds, in order: ``locate``, ``preprocess``, ``invoke``, ``decode``."""


class Recogniser:
    """A bundle ready to name signs in whole frames; a context manager.

    Args:
        bundle: a bundle that ``read_bundle`` has checked.
        runtime: as for ``TfliteEngine``.
        threads: as there.
        accelerator: as there; ``edgetpu`` runs the bundle's model for it.

    Raises:
        BundleError: the model is not what the manifest says.
        RuntimeMissing: no TensorFlow Lite runtime, or it refuses the model.
    """

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        name = EDGETPU_MODEL if accelerator == EDGETPU else MODEL
        self.engine = TfliteEngine(bundle.spec(name), bundle.content(name), runtime, threads, accelerator)
        self.classifier = Classifier(self.engine, bundle.manifest.input)
        self.locator = locator_for(bundle.manifest.input)

    @classmethod
    def open(cls, folder: Path, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> Self:
        """Read the bundle in ``folder`` and make it ready.

        Raises:
            BundleError, RuntimeMissing: as for the class, and for ``read_bundle``.
        """
        return cls(read_bundle(folder), runtime, threads, accelerator)

    def recognise(self, frame: NDArray[np.uint8], known: Square | None = None) -> Recognition:
        """Locate the hand in RGB uint8 ``frame`` (H, W, 3) and classify it.

        Args:
            frame: the whole picture, upright.
            known: where the hand is, if something else than the bundle's locator says so (a labelled box, say).
        """
        started = time.perf_counter()
        square = known or self.locator.locate(frame)
        located_s = time.perf_counter() - started
        if square is None:
            return Recognition(None, None, np.zeros(len(self.labels), np.float32), {"locate": located_s})
        hand = square.cut(frame)
        found, stages = self.classifier.answer(hand)
        return Recognition(square, hand, found, {"locate": located_s} | stages)

    def classify(self, frame: NDArray[np.uint8], count: int = 1) -> list[Prediction]:
        """RGB uint8 (H, W, 3) to its ``count`` most probable labels, best first; none where no hand is found."""
        found = self.recognise(frame)
        return [] if found.square is None else top(found.probabilities, self.labels, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.__exit__(*exception)
