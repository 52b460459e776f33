"""The network: a backbone, pooling, dense layers if the recipe has any, a softmax head."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path
from typing import Any

from edge_asl.errors import TrainingError
from edge_asl.imports.damage import hdf5_damage
from edge_asl.recipes.backbones import BACKBONES
from edge_asl.recipes.recipe import Model
from edge_asl.training import architectures
from edge_asl.training.pixels import ALMOST_THE_INPUT, scaling_layer
from edge_asl.training.quiet import keras
from edge_asl.training.weights import IMAGENET, NO_WEIGHTS, check_weights

_BACKBONE = "backbone"
_POOL = "pool"


def build_network(model: Model, classes: int, weights: str) -> keras.Model:
    """Float32 (batch, H, W, 3), (pixel − 128) / 128, to softmax float32 (batch, classes).

    MobileNets were trained on x / 127.5 − 1; ours differs by 0.4 % and makes the int8 input *pixel − 128*. What other
    backbones want of their pixels is a layer in front. Average pooling leaves no feature map to flatten, which the
    Edge TPU compiler could not map. ``weights`` are ``imagenet`` (Keras downloads them), ``none``, or a weights file
    of the backbone without its top.

    Raises:
        TrainingError: the weights are missing or of another shape.
    """
    inputs = keras.Input((model.size, model.size, 3), name="picture")
    pixels = BACKBONES[model.backbone].pixels if model.pixels == "backbone" else model.pixels
    scaled = inputs if pixels == ALMOST_THE_INPUT else scaling_layer(pixels)(inputs)
    outputs = _backbone(model, weights)(scaled)
    pool = keras.layers.GlobalAveragePooling2D if model.pooling == "average" else keras.layers.Flatten
    for layer in (pool(name=_POOL), *head_layers(model, classes)):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=model.backbone)


def forget_networks() -> None:
    """Free what Keras keeps of networks that this process has built; the next one is as in a new process."""
    keras.utils.clear_session()


def head_layers(model: Model, classes: int) -> list[keras.Layer]:
    """New layers from pooled features float32 (batch, features) to softmax (batch, classes)."""
    layers: list[keras.Layer] = []
    for number, dense in enumerate(model.dense, 1):
        layers.append(keras.layers.Dense(dense.units, activation="relu", name=f"dense{number}"))
        layers.append(keras.layers.Dropout(dense.dropout, seed=1 + number, name=f"dropout{number}"))
        if dense.batch_norm:
            layers.append(keras.layers.BatchNormalization(name=f"norm{number}"))
    layers.append(keras.layers.Dropout(model.dropout, seed=1, name="dropout"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="head", dtype="float32"))
    return layers


def backbone_of(network: keras.Model) -> keras.Model:
    """The backbone inside ``build_network``'s model."""
    return network.get_layer(_BACKBONE)


def before_backbone(network: keras.Model) -> list[keras.Layer]:
    """The layer that scales pixels, if there is one."""
    layers: list[keras.Layer] = network.layers
    return layers[1 : layers.index(backbone_of(network))]


def after_backbone(network: keras.Model) -> list[keras.Layer]:
    """Pooling, dense layers, head."""
    layers: list[keras.Layer] = network.layers
    return layers[layers.index(backbone_of(network)) + 1 :]


def pooled(network: keras.Model) -> keras.Model:
    """Pictures to pooled features float32 (batch, features)."""
    return keras.Model(network.inputs, network.get_layer(_POOL).output)


def _backbone(model: Model, weights: str) -> keras.Model:
    check_weights(weights)
    family = BACKBONES[model.backbone]
    if weights == IMAGENET and not family.imagenet:
        raise TrainingError(f"weights: {model.backbone} has no {IMAGENET} weights; give --weights {NO_WEIGHTS}")
    options: dict[str, Any] = {**family.options, **{name: getattr(model, name) for name in family.takes}}
    if family.widths:
        options["alpha"] = 1.0 if model.alpha is None else model.alpha
    make = getattr(architectures, family.application, None) or getattr(keras.applications, family.application)
    try:
        # Keras reports its download on standard output, where --json promises a single object.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a line for every layer that does not match; the error says it once
            network = make(
                input_shape=(model.size, model.size, 3),
                include_top=False,
                weights=None if weights == NO_WEIGHTS else weights,
                **options,
            )
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        raise TrainingError(_weights_message(weights, model, error)) from error
    except Exception as error:
        # Keras wraps a failed download in a bare Exception.
        if "URL fetch failure" in str(error):
            raise TrainingError(
                f"weights: {IMAGENET} weights cannot be downloaded without internet access; "
                "give --weights a file, or --weights none"
            ) from error
        raise
    network.name = _BACKBONE
    return network


def _weights_message(weights: str, model: Model, error: Exception) -> str:
    if weights == NO_WEIGHTS:
        return f"model: Keras cannot build {model.title} at {model.size} px: {' '.join(str(error).split())}"
    of_the_file = weights != IMAGENET and isinstance(error, (OSError, RuntimeError))
    if of_the_file and (damage := hdf5_damage(Path(weights), str(error))):
        return f"{weights}: expected weights in an HDF5 file, found {damage}"
    if not BACKBONES[model.backbone].widths:
        what = f"{weights}: not weights of {model.backbone} without its top"
        return f"{what}; for another backbone, use --set model.backbone=mobilenet"
    return (
        f"{weights}: not weights of {model.backbone} with model.alpha={model.alpha or 1:g} without its top; "
        "for another width or backbone, use --set model.alpha=1.0 or --set model.backbone=mobilenet"
    )
