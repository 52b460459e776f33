"""From a hand to probabilities: features → standardise → invoke → decode."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.decode import probabilities
from edge_asl_device.contract.hand_features import inner_features, parts_of, shape_features, standardised, to_tensor
from edge_asl_device.contract.hand_points import FEATURES
from edge_asl_device.errors import BundleError
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.hands.hand import Hand


class SignNetwork:
    """The network that names the sign of a hand, in its engine.

    Args:
        engine: runs the model.
        scaling: float32 (2, ``FEATURES``), see ``standardised``.
        inputs: the names of the model's inputs, in its own order.
    """

    def __init__(self, engine: TfliteEngine, scaling: NDArray[np.float32], inputs: Iterable[str]) -> None:
        self.engine = engine
        self._scaling, self._inputs = scaling, tuple(inputs)

    def answer(self, hand: Hand) -> tuple[NDArray[np.float32], dict[str, float]]:
        """The probability of every class, float32 (classes,), 0 to 255/256, and stage → seconds."""
        started = time.perf_counter()
        features = features_of(hand)
        computed_s = time.perf_counter() - started
        found, stages = self.name(features)
        stages["features"] += computed_s
        return found, stages

    def name(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, float]]:
        """The same for the features of a hand, float32 (1, ``FEATURES``)."""
        started = time.perf_counter()
        parts = parts_of(to_tensor(standardised(features, self._scaling)))
        prepared = time.perf_counter()
        (output,) = self.engine.invoke(*(parts[name] for name in self._inputs))
        invoked = time.perf_counter()
        found = probabilities(output)
        decode_s = time.perf_counter() - invoked
        return found, {"features": prepared - started, "invoke": invoked - prepared, "decode": decode_s}


def features_of(hand: Hand) -> NDArray[np.float32]:
    """All features of one hand, float32 (1, ``FEATURES``)."""
    region = hand.region
    shape = shape_features(hand.landmarks[None], np.array([region.mirrored]))
    inner = inner_features(np.array([region.angle], np.float32), hand.pooled[None])
    return np.concatenate([shape, inner], axis=1)


_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (2, {FEATURES}), }}".encode()


def read_scaling(content: bytes, name: str) -> NDArray[np.float32]:
    """``scaling.npy``'s bytes; ``name`` appears in error messages.

    Compared with what NumPy writes for such an array, instead of read by NumPy, which believes what a file says of its
    size, and knows formats that run code.

    Raises:
        BundleError: not float32 (2, ``FEATURES``), or a divisor that is not positive.
    """
    begin = len(_MAGIC) + 2 + int.from_bytes(content[len(_MAGIC) : len(_MAGIC) + 2], "little")
    header = content[len(_MAGIC) + 2 : begin].strip()
    if content[: len(_MAGIC)] != _MAGIC or header != _HEADER or len(content) != begin + 4 * 2 * FEATURES:
        raise BundleError(
            f"{name}: expected a NumPy array, float32 (2, {FEATURES}), found {len(content)} bytes beginning with "
            f"{content[:40]!r}; build the bundle again"
        )
    scaling = np.frombuffer(content, "<f4", offset=begin).reshape(2, FEATURES).astype(np.float32)
    if not np.isfinite(scaling).all() or not (scaling[1] > 0).all():
        raise BundleError(f"{name}: expected finite numbers and positive divisors; build the bundle again")
    return scaling
