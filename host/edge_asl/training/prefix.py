"""Training only the last layers: the outputs of the frozen layers before them are computed once and kept.

When the last 23 layers of MobileNet 1.0 at 224 px are trained, three quarters of the forward arithmetic is in layers
that never change. These run once for each picture and augmented variant; the epochs then read the results.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.disk_space import require_space
from edge_asl.progress import Progress
from edge_asl.training.backbone import after_backbone, backbone_of, before_backbone
from edge_asl.training.batches import Inputs, InputSource, Rows
from edge_asl.training.quiet import keras, tf

_BATCH = 64
IN_MEMORY = 2**30
"""Bytes: so many features are kept in memory, further ones in files. The system drops what it has cached of a file as
it likes, and an epoch that reads from a disk again takes several times as long."""
Together = Callable[[Rows, Callable[[Rows], NDArray[Any]]], NDArray[Any]]


class CutNetwork(NamedTuple):
    """A network cut in two; both halves share their layers with the whole."""

    prefix: keras.Model
    """Float32 (batch, H, W, 3) → (batch, h, w, c): frozen."""
    tail: keras.Model
    """(batch, h, w, c) → softmax (batch, classes): everything that trains."""


def cut(network: keras.Model, trained_layers: int) -> CutNetwork:
    """Cut ``build_network``'s model as late as possible before the backbone's last ``trained_layers``."""
    backbone = backbone_of(network)
    at = _last_single_path(backbone, len(backbone.layers) - trained_layers)
    middle = backbone.layers[at].output
    prefix = keras.Sequential([network.layers[0], *before_backbone(network), keras.Model(backbone.input, middle)])
    outputs = inputs = keras.Input(middle.shape[1:])
    if trained_layers:
        outputs = keras.Model(middle, backbone.output)(outputs)
    for layer in after_backbone(network):
        outputs = layer(outputs)
    return CutNetwork(prefix, keras.Model(inputs, outputs))


class FrozenFeatures:
    """The outputs of a frozen prefix as a network's inputs, kept as float16: in memory or, if they are many, in files.

    Epochs take turns with ``variants`` differently augmented copies of every picture. ``source`` gives the prefix's own
    inputs; ``folder`` is empty. ``together`` is ``Spread.together``: several workers compute the outputs together, and
    each keeps all of them. ``in_memory``: bytes that may be kept there.
    """

    dtype = tf.float16

    def __init__(
        self,
        source: InputSource,
        prefix: keras.Model,
        folder: Path,
        variants: int,
        progress: Progress,
        together: Together,
        in_memory: int = IN_MEMORY,
    ) -> None:
        self._source, self._folder, self._variants, self._progress = source, folder, variants, progress
        self._together, self._in_memory = together, in_memory
        self._run = tf.function(lambda inputs: prefix(inputs, training=False), reduce_retracing=True)
        self.shape: tuple[int, ...] = tuple(prefix.output_shape[1:])
        self.classes = source.classes
        self._orders: dict[str, Rows] = {}
        self._kept: dict[str, _Kept] = {}

    def plain(self, rows: Rows) -> NDArray[np.float16]:
        """Float16 (len(rows), h, w, c)."""
        return self._read("plain", rows)

    def augmented(self, rows: Rows, epoch: int) -> NDArray[np.float16]:
        """Float16 (len(rows), h, w, c); the same for the same (row, epoch modulo variants)."""
        return self._read(f"variant{epoch % self._variants}", rows)

    def prepare(self, rows: Rows, epoch: int | None) -> None:
        """Compute what ``augmented`` (or, without an epoch, ``plain``) will need, unless it exists."""
        if epoch is None:
            self._compute("plain", rows, self._source.plain)
        else:
            variant = epoch % self._variants
            self._compute(f"variant{variant}", rows, lambda chosen: self._source.augmented(chosen, variant))

    def _compute(self, name: str, rows: Rows, read: Callable[[Rows], Inputs]) -> None:
        if name in self._kept:
            return
        rows = np.sort(rows)  # so that a row's position is found by bisection
        kept = self._place_for(name, len(rows))
        with self._progress.task("frozen layers", len(rows)) as advance:
            for start in range(0, len(rows), _BATCH):
                chosen = rows[start : start + _BATCH]
                kept.write(start, self._together(chosen, lambda mine: self._run(read(mine)).numpy().astype(np.float16)))
                advance(start + len(chosen))
        self._orders[name], self._kept[name] = rows, kept

    def _place_for(self, name: str, count: int) -> _Kept:
        size = count * 2 * math.prod(self.shape)
        if size + sum(kept.in_memory for kept in self._kept.values()) <= self._in_memory:
            return _InMemory(count, self.shape)
        remedy = "free some space, or set training.variants=0 to compute them in every epoch"
        require_space(self._folder, size, "the outputs of the frozen layers", remedy)
        return _InFile(self._folder / f"{name}.f16", self.shape)

    def _read(self, name: str, rows: Rows) -> NDArray[np.float16]:
        return self._kept[name].read(np.searchsorted(self._orders[name], rows))


class _Kept(Protocol):
    """Features of one variant, float16 (n, h, w, c)."""

    in_memory: int
    """Bytes."""

    def write(self, start: int, features: NDArray[np.float16]) -> None:
        """Take in those from ``start`` on; in turn, without a gap."""
        ...

    def read(self, positions: Rows) -> NDArray[np.float16]:
        """Those at ``positions``."""
        ...


class _InMemory:
    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._features = np.empty((count, *shape), np.float16)
        self.in_memory = self._features.nbytes

    def write(self, start: int, features: NDArray[np.float16]) -> None:
        self._features[start : start + len(features)] = features

    def read(self, positions: Rows) -> NDArray[np.float16]:
        return self._features[positions]


class _InFile:
    in_memory = 0

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape = path, shape
        path.touch()

    def write(self, start: int, features: NDArray[np.float16]) -> None:
        with self._path.open("r+b", buffering=0) as file:
            file.seek(start * features[0].nbytes)
            file.write(features.data)

    def read(self, positions: Rows) -> NDArray[np.float16]:
        features = np.empty((len(positions), *self._shape), np.float16)
        with self._path.open("rb", buffering=0) as file:
            for feature, position in zip(features, positions, strict=True):
                os.preadv(file.fileno(), [feature.data], int(position) * feature.nbytes)
        return features


def _last_single_path(backbone: keras.Model, latest: int) -> int:
    """The last layer up to ``latest`` whose output is the only one that later layers need.

    A residual connection around a layer rules it out.
    """
    number = {id(layer): i for i, layer in enumerate(backbone.layers)}
    reach = list(range(len(backbone.layers)))  # the last layer that reads each one's output
    for i, layer in enumerate(backbone.layers):
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes:
                if (producer := number.get(id(parent.operation))) is not None:
                    reach[producer] = max(reach[producer], i)
    single = [at for at in range(latest) if all(reach[earlier] <= at for earlier in range(at))]
    return max(single, default=0)
