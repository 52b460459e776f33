"""The network: a MobileNet, global average pooling, a softmax head."""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import Any

from edge_asl.errors import TrainingError
from edge_asl.recipes.recipe import Model
from edge_asl.training.quiet import keras
from edge_asl.training.weights import IMAGENET, NO_WEIGHTS, check_weights


def build_network(model: Model, classes: int, weights: str) -> keras.Model:
    """Float32 (batch, H, W, 3), (pixel − 128) / 128, to softmax float32 (batch, classes).

    The backbones were trained on x / 127.5 − 1; ours differs by 0.4 % and makes the int8 input *pixel − 128*.
    Pooling leaves no feature map to flatten, which the Edge TPU compiler could not map. ``weights`` are ``imagenet``
    (Keras downloads them), ``none``, or a weights file of the backbone without its top.

    Raises:
        TrainingError: the weights are missing or of another shape.
    """
    inputs = keras.Input((model.size, model.size, 3), name="picture")
    backbone = _backbone(model, weights)
    features = keras.layers.GlobalAveragePooling2D(name="pool")(backbone(inputs))
    dropped = keras.layers.Dropout(model.dropout, seed=1, name="dropout")(features)
    outputs = keras.layers.Dense(classes, activation="softmax", name="head")(dropped)
    return keras.Model(inputs, outputs, name=model.backbone)


def backbone_of(network: keras.Model) -> keras.Model:
    """The MobileNet inside ``build_network``'s model."""
    return network.layers[1]


def _backbone(model: Model, weights: str) -> keras.Model:
    check_weights(weights)
    options: dict[str, Any] = {}
    if model.backbone.startswith("mobilenet_v3"):
        # Its own preprocessing layer would rescale a second time.
        options = {"minimalistic": model.minimalistic, "include_preprocessing": False}
    try:
        # Keras reports its download on standard output, where --json promises a single object.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a line for every layer that does not match; the error says it once
            network = _BACKBONES[model.backbone](
                input_shape=(model.size, model.size, 3),
                alpha=model.alpha,
                include_top=False,
                weights=None if weights == NO_WEIGHTS else weights,
                **options,
            )
    except (ValueError, OSError, KeyError) as error:
        raise TrainingError(_weights_message(weights, model, error)) from error
    except Exception as error:
        # Keras wraps a failed download in a bare Exception.
        if "URL fetch failure" in str(error):
            raise TrainingError(
                f"weights: {IMAGENET} weights cannot be downloaded without internet access; "
                "give --weights a file, or --weights none"
            ) from error
        raise
    network.name = "backbone"
    return network


def _weights_message(weights: str, model: Model, error: Exception) -> str:
    what = f"{model.backbone} with model.alpha={model.alpha:g}"
    if weights == NO_WEIGHTS:
        return f"model: Keras cannot build {what} at {model.size} px: {' '.join(str(error).split())}"
    return (
        f"{weights}: not weights of {what} without its top; "
        "for another width or backbone, use --set model.alpha=1.0 or --set model.backbone=mobilenet"
    )


_BACKBONES = {
    "mobilenet": keras.applications.MobileNet,
    "mobilenet_v2": keras.applications.MobileNetV2,
    "mobilenet_v3_small": keras.applications.MobileNetV3Small,
    "mobilenet_v3_large": keras.applications.MobileNetV3Large,
}
