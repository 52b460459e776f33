"""The backbones that a recipe can name: another one of Keras's applications is one line here. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Backbone(NamedTuple):
    """How a backbone is made, and what it was trained on.

    Where one can be cut, for training its last layers only, is found in its graph (``training/prefix.py``).
    """

    application: str
    """A class of ``keras.applications``, or a function of ``training/architectures.py``."""
    pixels: str
    """How it wants its pixels, as ``training/pixels.py`` names it."""
    widths: bool = False
    """Whether it takes a width multiplier, ``alpha``."""
    options: Mapping[str, Any] = {}
    """What else its constructor is told."""
    takes: tuple[str, ...] = ()
    """Settings of ``[model]`` that its constructor takes by the same name."""
    imagenet: bool = True
    """Whether Keras has weights for it."""
    smallest: int = 32
    """Side of the smallest picture of which its last map still has a pixel."""


# Some have a preprocessing layer of their own; the first EfficientNet's cannot be left out.
_UNSCALED: Mapping[str, Any] = {"include_preprocessing": False}

BACKBONES = {
    "alexnet": Backbone("alexnet", "tf", imagenet=False, smallest=215),
    "cnn": Backbone("cnn", "tf", imagenet=False),
    "efficientnet_b0": Backbone("EfficientNetB0", "raw"),
    "efficientnet_v2_b0": Backbone("EfficientNetV2B0", "torch", options=_UNSCALED),
    "mobilenet": Backbone("MobileNet", "tf", widths=True),
    "mobilenet_v2": Backbone("MobileNetV2", "tf", widths=True),
    "mobilenet_v3_small": Backbone("MobileNetV3Small", "tf", widths=True, options=_UNSCALED, takes=("minimalistic",)),
    "mobilenet_v3_large": Backbone("MobileNetV3Large", "tf", widths=True, options=_UNSCALED, takes=("minimalistic",)),
    "resnet50": Backbone("ResNet50", "caffe"),
    "vgg16": Backbone("VGG16", "caffe"),
}
