"""What rounding the weights to int8 shifts, put right in the biases before a network is quantized.

Rounding errors of a channel's weights do not cancel: its mean moves, and more with every layer. In networks that were
trained without int8 in mind this costs several points. M. Nagel, M. van Baalen, T. Blankevoort, M. Welling: Data-Free
Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.2, with pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_asl.training.batches import Floats
from edge_asl.training.quiet import keras, tf

# Which axes of a kernel share a scale: TensorFlow Lite has one for each output channel, our dense layers have one.
_SHARED_AXES = {"Conv2D": (0, 1, 2), "DepthwiseConv2D": (0, 1), "Dense": (0, 1)}


def corrected(network: keras.Model, inputs: Floats) -> keras.Model:
    """A copy whose kernels are rounded as int8 will round them, and whose biases make up for the shift.

    Args:
        network: a functional or sequential model, models within it included. Layers with channels first stay as they
            are.
        inputs: float32, some tens of its inputs; they fit into memory with all that the network makes of them.
    """
    copies: list[tuple[keras.Layer, keras.Layer]] = []

    def copied(layer: keras.Layer) -> keras.Layer:
        kind = _WATCHED.get(type(layer).__name__)
        if kind is None or getattr(layer, "data_format", None) == "channels_first":
            copy = type(layer).from_config(layer.get_config())
        else:
            copy = kind.from_config(layer.get_config() | {"use_bias": True})
        copies.append((copy, layer))
        return copy

    copy = keras.models.clone_model(network, clone_function=copied, recursive=True)
    for new, old in copies:
        weights = old.get_weights()
        if len(new.weights) > len(weights):
            weights.append(np.zeros(new.bias.shape, np.float32))
        new.set_weights(weights)
    watched: list[Any] = [new for new, _ in copies if isinstance(new, _Watched)]
    _run(copy, inputs, watched, "remember")
    for layer in watched:
        layer.kernel.assign(rounded(np.asarray(layer.kernel), _SHARED_AXES[layer.shared_as]))
    _run(copy, inputs, watched, "correct")
    return copy


def rounded(kernel: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    """The nearest of 255 equal steps; those over ``axes`` share a size."""
    step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
    step[step == 0] = 1
    nearest: NDArray[np.float32] = (np.round(kernel / step) * step).astype(np.float32)
    return nearest


def _run(network: keras.Model, inputs: Floats, watched: list[Any], task: str) -> None:
    for layer in watched:
        layer.task = task
    network(tf.constant(inputs), training=False)
    for layer in watched:
        layer.task = "none"


class _Watched:
    """What a layer with a kernel does besides: remember the mean of each output channel, and later restore it.

    Each layer is put right before its output goes on, so that one pass corrects them all in order.
    """

    shared_as: str
    task = "none"
    mean: Any = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.after = self.activation  # type: ignore[has-type]
        self.activation = keras.activations.linear

    def call(self, inputs: Any) -> Any:
        outputs = super().call(inputs)  # type: ignore[misc]
        if self.task != "none":
            mean = tf.reduce_mean(outputs, axis=tuple(range(len(outputs.shape) - 1)))
            if self.task == "remember":
                self.mean = mean
            else:
                shift = mean - self.mean
                self.bias.assign_sub(shift)  # type: ignore[attr-defined]
                outputs -= shift
        return self.after(outputs)


class _WatchedConv2D(_Watched, keras.layers.Conv2D):  # type: ignore[misc]
    shared_as = "Conv2D"


class _WatchedDepthwiseConv2D(_Watched, keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    shared_as = "DepthwiseConv2D"


class _WatchedDense(_Watched, keras.layers.Dense):  # type: ignore[misc]
    shared_as = "Dense"


_WATCHED = {kind.shared_as: kind for kind in (_WatchedConv2D, _WatchedDepthwiseConv2D, _WatchedDense)}
