"""Training only the last layers: the outputs of the frozen layers before them are computed once and kept.

When the last 23 layers of MobileNet 1.0 at 224 px are trained, three quarters of the forward arithmetic is in layers
that never change. These run once for each picture and augmented variant; the epochs then read the results.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.disk_space import require_space
from edge_asl.progress import Progress
from edge_asl.training.backbone import after_backbone, backbone_of, before_backbone
from edge_asl.training.batches import Inputs, InputSource, Rows
from edge_asl.training.quiet import keras, tf

_BATCH = 64
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
    """The outputs of a frozen prefix as a network's inputs, kept in files of float16, one per variant.

    Epochs take turns with ``variants`` differently augmented copies of every picture. ``source`` gives the prefix's own
    inputs; ``folder`` is empty. ``together`` is ``Spread.together``: several workers compute the outputs together, and
    each keeps all of them.
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
    ) -> None:
        self._source, self._folder, self._variants, self._progress = source, folder, variants, progress
        self._together = together
        self._run = tf.function(lambda inputs: prefix(inputs, training=False), reduce_retracing=True)
        self.shape: tuple[int, ...] = tuple(prefix.output_shape[1:])
        self.classes = source.classes
        self._orders: dict[str, Rows] = {}

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
        path = self._folder / f"{name}.f16"
        if path.exists():
            return
        rows = np.sort(rows)  # so that a row's position is found by bisection
        remedy = "free some space, or set training.variants=0 to compute them in every epoch"
        require_space(self._folder, len(rows) * 2 * math.prod(self.shape), "the outputs of the frozen layers", remedy)
        with path.open("wb") as file, self._progress.task("frozen layers", len(rows)) as advance:
            for start in range(0, len(rows), _BATCH):
                chosen = rows[start : start + _BATCH]
                outputs = self._together(chosen, lambda mine: self._run(read(mine)).numpy().astype(np.float16))
                file.write(outputs.data)
                advance(start + len(chosen))
        self._orders[name] = rows

    def _read(self, name: str, rows: Rows) -> NDArray[np.float16]:
        positions = np.searchsorted(self._orders[name], rows)
        features = np.empty((len(rows), *self.shape), np.float16)
        with (self._folder / f"{name}.f16").open("rb", buffering=0) as file:
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
