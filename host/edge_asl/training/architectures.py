"""Architectures that Keras's applications lack."""

from __future__ import annotations

from typing import Any

from edge_asl.training.quiet import keras


def alexnet(*, input_shape: tuple[int, int, int], weights: str | None, include_top: bool) -> keras.Model:
    """The five convolutions of AlexNet (Krizhevsky 2012) as notebooks build it: one tower, batch norm after each.

    Float32 (batch, H, W, 3) → (batch, h, w, 256): 96, 256, 384, 384 and 256 filters. The dense layers of 4096, 4096
    and 1000 units are the recipe's (``model.dense``). The notebooks' second convolution has 11×11 kernels; the paper's
    5×5 are a fifth of the arithmetic.
    """
    if weights is not None or include_top:
        raise ValueError("AlexNet has no pretrained weights here, and no top of its own")
    layers = keras.layers
    plan: list[dict[str, Any]] = [
        {"filters": 96, "kernel_size": 11, "strides": 4, "pool": True},
        {"filters": 256, "kernel_size": 11, "pool": True},
        {"filters": 384, "kernel_size": 3},
        {"filters": 384, "kernel_size": 3},
        {"filters": 256, "kernel_size": 3, "pool": True},
    ]
    x = inputs = keras.Input(input_shape)
    for number, settings in enumerate(plan, 1):
        pool = settings.pop("pool", False)
        x = layers.Conv2D(**settings, activation="relu", name=f"conv{number}")(x)
        if pool:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
    return keras.Model(inputs, x)


def cnn(*, input_shape: tuple[int, int, int], weights: str | None, include_top: bool) -> keras.Model:
    """The three convolutions that notebooks train on Sign-Language-MNIST, with batch norm and a pool after each.

    Float32 (batch, H, W, 3) → (batch, ⌈H/8⌉, ⌈W/8⌉, 25): 75, 50 and 25 filters of 3×3. The dense layer of 512 units
    is the recipe's (``model.dense``). It is the smallest network that there is here.
    """
    if weights is not None or include_top:
        raise ValueError("this CNN has no pretrained weights here, and no top of its own")
    layers = keras.layers
    x = inputs = keras.Input(input_shape)
    for number, filters in enumerate((75, 50, 25), 1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if number == 2:
            x = layers.Dropout(0.2, name="dropout2")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    return keras.Model(inputs, x)
