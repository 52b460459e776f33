"""From a hand's square to probabilities: preprocess → invoke → decode, as the bundle's manifest says."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.decode import probabilities
from edge_asl_device.contract.manifest import Input
from edge_asl_device.contract.preprocess import preprocess
from edge_asl_device.inference.engine import TfliteEngine


class Classifier:
    """A sign classifier in its engine. It does not know where its squares come from.

    Args:
        engine: runs the model.
        spec: the size and resize rule of its input.
    """

    def __init__(self, engine: TfliteEngine, spec: Input) -> None:
        self.engine = engine
        self.spec = spec

    def answer(self, hand: NDArray[np.uint8]) -> tuple[NDArray[np.float32], dict[str, float]]:
        """The probability of every class, and how long each stage took.

        Args:
            hand: RGB uint8 (s, s, 3), the hand's square cut out of a frame.

        Returns:
            float32 (classes,), 0 to 255/256, in the order of the bundle's labels; stage → seconds.
        """
        started = time.perf_counter()
        tensor = preprocess(hand, self.spec)
        prepared = time.perf_counter()
        (output,) = self.engine.invoke(tensor)
        invoked = time.perf_counter()
        found = probabilities(output)
        decode_s = time.perf_counter() - invoked
        return found, {"preprocess": prepared - started, "invoke": invoked - prepared, "decode": decode_s}
