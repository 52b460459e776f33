"""A network's inputs through tf.data: pictures, or the features that a frozen prefix computes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import PixelStore
from edge_asl.recipes.recipe import Augmentation
from edge_asl.training.augment import augment
from edge_asl.training.quiet import tf

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Inputs = NDArray[np.floating[Any]]


class InputSource(Protocol):
    """Where a network's inputs come from."""

    @property
    def shape(self) -> tuple[int, ...]:
        """One input's (H, W, C)."""
        ...

    @property
    def dtype(self) -> tf.DType:
        """What the inputs are kept in; the network gets float32."""
        ...

    @property
    def classes(self) -> NDArray[np.int32]:
        """int32 (N,): each row's class."""
        ...

    def prepare(self, rows: Rows, epoch: int | None) -> None:
        """Called before ``augmented`` in ``epoch`` or, without an epoch, ``plain`` is called with any of these rows."""
        ...

    def plain(self, rows: Rows) -> Inputs:
        """``dtype`` (len(rows), H, W, C), as the device sees them."""
        ...

    def augmented(self, rows: Rows, epoch: int) -> Inputs:
        """The same shape, augmented; equal for the same (row, epoch)."""
        ...


class PictureInputs:
    """Pictures as the network's float input, (pixel − 128) / 128."""

    dtype = tf.float32

    def __init__(self, pixels: PixelStore, augmentation: Augmentation, seed: int) -> None:
        self._pixels, self._augmentation, self._seed = pixels, augmentation, seed
        self.shape = pixels.shape
        self.classes = pixels.classes

    def prepare(self, rows: Rows, epoch: int | None) -> None:
        """Does nothing: pictures are read when they are needed."""

    def plain(self, rows: Rows) -> Floats:
        return as_floats(self._pixels.read(rows))

    def augmented(self, rows: Rows, epoch: int) -> Floats:
        pictures = self._pixels.read(rows)
        for picture, row in zip(pictures, rows, strict=True):
            picture[:] = augment(picture, self._augmentation, np.random.default_rng((self._seed, epoch, int(row))))
        return as_floats(pictures)


def as_floats(pictures: NDArray[np.uint8]) -> Floats:
    """RGB uint8 (N, H, W, 3) to the graph's float32 input (pixel − 128) / 128, −1 to 127/128."""
    return (pictures.astype(np.float32) - np.float32(128)) / np.float32(128)


def plain_batches(source: InputSource, rows: Rows, batch: int) -> tf.data.Dataset:
    """Inputs in the order of ``rows``: float32 (≤ batch, H, W, C), int32 (≤ batch,)."""
    chunks = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    return _dataset(source, chunks, source.plain)


def training_batches(
    source: InputSource,
    rows: Rows,
    batch: int,
    steps: int,
    seed: int,
    epoch: int,
    mine: Callable[[Rows], Rows] = lambda rows: rows,
) -> tf.data.Dataset:
    """One epoch: ``steps`` batches, shuffled, augmented, full only; the same for the same (seed, epoch).

    ``mine`` says which rows of a batch this worker takes.

    Epochs follow each other through the pictures, which are shuffled anew for every pass. A last batch of two pictures
    would upset the statistics of batch norm; each pass leaves out different pictures.
    """
    batch = min(batch, len(rows))
    per_pass = len(rows) // batch
    first = (epoch - 1) * steps
    chunks: list[Rows] = []
    order = rows
    for number in range(first, first + steps):
        before, at = divmod(number, per_pass)
        if not chunks or not at:
            order = np.random.default_rng((seed, before + 1)).permutation(rows)
        chunks.append(mine(order[at * batch : (at + 1) * batch]))
    return _dataset(source, chunks, lambda chosen: source.augmented(chosen, epoch))


def _dataset(source: InputSource, chunks: list[Rows], read: Callable[[Rows], Inputs]) -> tf.data.Dataset:
    def generate() -> Iterator[tuple[Inputs, NDArray[np.int32]]]:
        for chosen in chunks:
            yield read(chosen), source.classes[chosen]

    signature = (tf.TensorSpec((None, *source.shape), source.dtype), tf.TensorSpec((None,), tf.int32))
    batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
    # Cast here, not in numpy: half as many bytes pass through Python, and the processor's own instruction does it.
    return batches.map(lambda inputs, labels: (tf.cast(inputs, tf.float32), labels)).prefetch(4)
