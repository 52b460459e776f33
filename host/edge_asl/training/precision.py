"""What a GPU can do faster than plain float32 operators: mixed precision, and graphs compiled by XLA."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge_asl.errors import TrainingError
from edge_asl.training.quiet import keras, tf

VARIABLE = "EDGE_ASL_PRECISION"
_BFLOAT16 = (8, 0)
"""The first compute capability (Ampere) with bfloat16, which has float32's range: float16, of Volta and Turing, would
need its losses scaled."""


class Precision(NamedTuple):
    """How the training step computes."""

    policy: str = "float32"
    """Keras's name. The weights are float32 in any case."""
    compiled: bool = False
    """By XLA."""


PLAIN = Precision()


def of_devices(capabilities: Sequence[tuple[int, int]], replicas: int) -> Precision:
    """The fastest that GPUs of these compute capabilities have; on a processor float32, to the bit as ever."""
    if not capabilities:
        return PLAIN
    mixed = all(capability >= _BFLOAT16 for capability in capabilities)
    # XLA compiles no sums over several processes.
    return Precision("mixed_bfloat16" if mixed else "float32", compiled=replicas == 1)


def here(replicas: int) -> Precision:
    """For this machine's GPUs, unless ``EDGE_ASL_PRECISION=float32`` says otherwise.

    Raises:
        TrainingError: the variable says something else.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen not in (None, "", "float32"):
        raise TrainingError(f"{VARIABLE}: expected float32, or nothing for the GPU's fastest, found {chosen!r}")
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return PLAIN if chosen else of_devices([one.get("compute_capability") or (0, 0) for one in details], replicas)


@contextlib.contextmanager
def layers_of(precision: Precision) -> Iterator[None]:
    """Layers made in this block compute as ``precision`` says."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision.policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
