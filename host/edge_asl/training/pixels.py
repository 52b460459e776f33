"""How networks want their pixels scaled: the field's five ways, each as numbers and as a fixed layer.

The names are those of Keras's ``preprocess_input``. A bundle's input is always (pixel − 128) / 128; a network that
wants something else has it done by a 1×1 convolution in front, inside the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.quiet import keras


class Scaling(NamedTuple):
    """What a network takes of a pixel: ``pixel @ matrix + offset``, the pixel RGB from 0 to 255."""

    matrix: NDArray[np.float32]
    """float32 (3 colours of the picture, channels of the network)."""
    offset: NDArray[np.float32]
    """float32 (channels of the network,)."""


_SAME = np.eye(3, dtype=np.float32)
_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
_MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)
_SPREAD_RGB = np.array([0.229, 0.224, 0.225], np.float32)

# The constants are those of keras/src/applications/imagenet_utils.py.
SCALINGS = {
    "tf": Scaling(_SAME / np.float32(127.5), np.full(3, -1, np.float32)),
    "unit": Scaling(_SAME / np.float32(255), np.zeros(3, np.float32)),
    "caffe": Scaling(_SAME[:, ::-1].copy(), -_MEAN_BGR),
    "torch": Scaling(_SAME / (255 * _SPREAD_RGB), -_MEAN_RGB / _SPREAD_RGB),
    "raw": Scaling(_SAME, np.zeros(3, np.float32)),
}
"""``tf``: −1 to 1 (MobileNets, Teachable Machine); ``unit``: 0 to 1; ``caffe``: BGR minus ImageNet's mean (VGG,
ResNet); ``torch``: ImageNet's mean 0 and deviation 1 (DenseNet); ``raw``: 0 to 255, for networks that scale by
themselves."""

ALMOST_THE_INPUT = "tf"
"""x / 127.5 − 1 differs from (x − 128) / 128 by 0.4 %, half a step of the int8 input: it needs no layer."""


GREY = ("tf", "unit", "raw")
"""The ways that networks want grey pixels: the others are of three colours."""
_LUMINANCE = np.array([[0.299], [0.587], [0.114]], np.float32)
"""Of ITU-R BT.601, as OpenCV, Pillow and TensorFlow make pictures grey."""


def scaling(name: str, channels: int) -> Scaling:
    """``SCALINGS[name]``, or with one channel the same of the picture's grey; ``name`` is then one of ``GREY``."""
    matrix, offset = SCALINGS[name]
    return Scaling(matrix, offset) if channels == 3 else Scaling(_LUMINANCE * matrix[0, 0], offset[:1])


def from_input(of_pixels: Scaling) -> Scaling:
    """The same, but of a bundle's input: ``x @ matrix + offset`` with x = (pixel − 128) / 128."""
    return Scaling(of_pixels.matrix * 128, of_pixels.matrix.sum(axis=0) * 128 + of_pixels.offset)


def scaling_layer(name: str, channels: int = 3) -> keras.Layer:
    """A fixed 1×1 convolution: float32 (batch, H, W, 3), (pixel − 128) / 128, to what ``scaling(name)`` gives.

    Its numbers are initial values as well as weights, so that a copy of the network has them too.
    """
    from edge_asl.training.quiet import keras

    matrix, offset = from_input(scaling(name, channels))
    return keras.layers.Conv2D(
        len(offset),
        1,
        kernel_initializer=keras.initializers.Constant(matrix[np.newaxis, np.newaxis].tolist()),
        bias_initializer=keras.initializers.Constant(offset.tolist()),
        trainable=False,
        dtype="float32",
        name="scaling",
    )
