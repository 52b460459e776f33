"""The network: a MobileNet, global average pooling, a softmax head."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path
from typing import Any

from edge_asl.errors import TrainingError
from edge_asl.recipes.recipe import Model
from edge_asl.training.quiet import keras

IMAGENET = "imagenet"
NO_WEIGHTS = "none"


def build_network(model: Model, classes: int, weights: str) -> keras.Model:
    """Float32 (batch, H, W, 3), (pixel − 128) / 128, to softmax float32 (batch, classes).

    The backbones were trained on x / 127.5 − 1; ours differs by 0.4 % and makes the int8 input *pixel − 128*.
    The pooling keeps no feature map to flatten, which the Edge TPU compiler could not map.

    Args:
        model: backbone, width, size.
        classes: number of labels.
        weights: ``imagenet`` (Keras downloads them), ``none``, or a weights file of the backbone without its top.

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
    if weights not in (IMAGENET, NO_WEIGHTS) and not Path(weights).is_file():
        raise TrainingError(f"{weights}: expected a weights file, {IMAGENET} or {NO_WEIGHTS}, found nothing there")
    make, extra = _ARCHITECTURES[model.backbone]
    options: dict[str, Any] = extra(model)
    try:
        # Keras announces its download on standard output, where --json promises one object.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one line for each layer that does not fit; the error says it once
            network = make(
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
                f"weights: expected to download {IMAGENET} weights, found no way to the internet; "
                "give --weights a file, or --weights none"
            ) from error
        raise
    network.name = "backbone"
    return network


def _weights_message(weights: str, model: Model, error: Exception) -> str:
    reason = " ".join(str(error).split())
    what = f"{model.backbone} with model.alpha={model.alpha:g}"
    if weights == NO_WEIGHTS:
        return f"model: expected a network that Keras can build, found {what} at {model.size} px: {reason}"
    return (
        f"{weights}: expected weights of {what} without its top, found others; "
        "if the file is for another width or backbone, say so: --set model.alpha=1.0 or --set model.backbone=mobilenet"
    )


def _v3(model: Model) -> dict[str, Any]:
    # Its own rescaling would put the range twice.
    return {"minimalistic": model.minimalistic, "include_preprocessing": False}


_ARCHITECTURES: dict[str, tuple[Any, Any]] = {
    "mobilenet": (keras.applications.MobileNet, lambda _: {}),
    "mobilenet_v2": (keras.applications.MobileNetV2, lambda _: {}),
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, _v3),
    "mobilenet_v3_large": (keras.applications.MobileNetV3Large, _v3),
}
