"""Pictures on their way into the network, through tf.data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_asl.config import Augmentation
from edge_asl.datasets.packed import PackedPictures
from edge_asl.training.augment import augment


def as_floats(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 (N, H, W, 3) to the graph's float32 input (pixel − 128) / 128, −1 to 127/128."""
    return (pictures.astype(np.float32) - np.float32(128)) / np.float32(128)


def plain_batches(packed: PackedPictures, rows: NDArray[np.int64], batch: int) -> tf.data.Dataset:
    """Pictures in the order of ``rows``: float32 (≤ batch, H, W, 3), int32 (≤ batch,)."""

    def generate() -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
        for start in range(0, len(rows), batch):
            chosen = rows[start : start + batch]
            yield as_floats(packed.read(chosen)), packed.classes[chosen]

    return _prefetched(generate, packed)


def training_batches(
    packed: PackedPictures, rows: NDArray[np.int64], batch: int, how: Augmentation, seed: int, epoch: int
) -> tf.data.Dataset:
    """One epoch: shuffled, augmented, full batches only; the same for the same (seed, epoch).

    Batch norm on a last batch of two pictures would upset its statistics; the pictures left over change each epoch.
    """
    order = np.random.default_rng((seed, epoch)).permutation(rows)
    batch = min(batch, len(rows))

    def generate() -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            pictures = packed.read(chosen)
            for picture, row in zip(pictures, chosen, strict=True):
                picture[:] = augment(picture, how, np.random.default_rng((seed, epoch, int(row))))
            yield as_floats(pictures), packed.classes[chosen]

    return _prefetched(generate, packed)


def _prefetched(generate: object, packed: PackedPictures) -> tf.data.Dataset:
    signature = (
        tf.TensorSpec((None, *packed.shape), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(4)
