"""From the model's output tensor to probabilities and labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Prediction(NamedTuple):
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


# Scale 1/256, zero point −128: −128 is 0 and 127 is 255/256. A table beats arithmetic on 29 numbers.
_PROBABILITY: NDArray[np.float32] = (np.arange(256, dtype=np.float32) / np.float32(256)).astype(np.float32)


def probabilities(output: NDArray[np.int8]) -> NDArray[np.float32]:
    """Output tensor int8 (1, classes) to float32 (classes,), each (q + 128) / 256, in 0 to 255/256."""
    found: NDArray[np.float32] = np.take(_PROBABILITY, np.bitwise_xor(output[0].view(np.uint8), 0x80))
    return found


def top(probability: NDArray[np.float32], labels: tuple[str, ...], count: int = 1) -> list[Prediction]:
    """The ``count`` most probable labels, best first; equal ones in the labels' order."""
    order = np.argsort(-probability, kind="stable")[:count]
    return [Prediction(labels[i], float(probability[i])) for i in order]
