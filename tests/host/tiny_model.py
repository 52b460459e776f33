"""Small real models, converted once per test session in a child process: TensorFlow never enters pytest's own.

``from tiny_model import tiny_models`` brings the fixture into a test module.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from edge_asl_device.contract.manifest import (
    LABELS,
    MANIFEST,
    MODEL,
    Crop,
    Decoder,
    File,
    Input,
    Metrics,
    Output,
    Provenance,
    Resize,
    SquareManifest,
)

TINY_LABELS = ("A", "B", "C", "space", "ü")
CLASSES = len(TINY_LABELS)
SIDE = 48


class TinyModels(NamedTuple):
    """Paths of converted models; weights are random, seeded."""

    contract: Path
    """MobileNetV2 0.35 at 48 px, 5 classes, as the contract wants it."""
    uint8: Path
    """Three layers with uint8 at the boundary, a QUANTIZE at each end, and a dense layer with one scale per class."""
    float32: Path
    """Three layers, not quantized at all."""


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """The three models; several test modules share one conversion, because the folder is the session's."""
    folder = tmp_path_factory.getbasetemp() / "tiny-models"
    models = TinyModels(folder / "contract.tflite", folder / "uint8.tflite", folder / "float32.tflite")
    if not folder.exists():
        folder.mkdir()
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            [sys.executable, __file__, str(folder)],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    return models


def write_tiny_bundle(folder: Path, model: Path) -> Path:
    """A bundle around a converted model, as small as the contract allows; gives ``folder``."""
    folder.mkdir(parents=True)
    contents = {MODEL: model.read_bytes(), LABELS: "".join(f"{label}\n" for label in TINY_LABELS).encode()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = SquareManifest(
        name="tiny",
        version="1.0",
        created="2026-11-20T00:00:00Z",
        files={name: File(hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()},
        labels=list(TINY_LABELS),
        input=Input(SIDE, SIDE, Crop.CENTRE_SQUARE, Resize.LINEAR),
        output=Output(CLASSES),
        operators={"CONV_2D": 3},
        minimum_runtime="1.14.0",
        decoder=Decoder(),
        metrics=Metrics("test by signer", 100, 3, 0.9, 0.82, 0.94, 0.91, 0.99, 0.98, 0.03),
        provenance=Provenance("tiny", "0" * 64, 7, "1" * 64, {}, None),
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return folder


def convert_all(folder: Path) -> None:
    """Build and convert the three models; runs in the child."""
    import keras
    import numpy as np
    import tensorflow as tf  # noqa: TID251 - this is the child process

    keras.utils.set_random_seed(7)
    random = np.random.default_rng(7)
    pixels = random.integers(0, 256, (12, 1, SIDE, SIDE, 3)).astype(np.float32)
    # Both ends of the range must occur, or the input's scale is not exactly 1/128.
    pixels[:, 0, 0, 0, 0], pixels[:, 0, 0, 1, 0] = 0, 255

    def small(x: object) -> object:
        x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.layers.Dense(CLASSES, activation="softmax")(x)

    def mobile(x: object) -> object:
        net = keras.applications.MobileNetV2((SIDE, SIDE, 3), alpha=0.35, include_top=False, weights=None)
        # With random weights and no statistics signals die out and every picture gets the same answer: take the
        # batch norms' statistics from one pass.
        for layer in net.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        net((pixels[:, 0] - 128) / 128, training=True)
        x = keras.layers.GlobalAveragePooling2D()(net(x, training=False))
        strong = keras.initializers.RandomNormal(stddev=0.5)
        return keras.layers.Dense(CLASSES, activation="softmax", kernel_initializer=strong)(x)

    def converter(body: object) -> tf.lite.TFLiteConverter:
        inputs = keras.Input(batch_shape=(1, SIDE, SIDE, 3))
        return tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, body(inputs)))

    def full_integer(body: object, boundary: object, *, one_scale: bool) -> bytes:
        converting = converter(body)
        converting._experimental_disable_per_channel_quantization_for_dense_layers = one_scale
        converting.optimizations = [tf.lite.Optimize.DEFAULT]
        converting.representative_dataset = lambda: ([(p - 128) / 128] for p in pixels)
        converting.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converting.inference_input_type = converting.inference_output_type = boundary
        return converting.convert()

    (folder / "contract.tflite").write_bytes(full_integer(mobile, tf.int8, one_scale=True))
    (folder / "uint8.tflite").write_bytes(full_integer(small, tf.uint8, one_scale=False))
    (folder / "float32.tflite").write_bytes(converter(small).convert())


if __name__ == "__main__":
    convert_all(Path(sys.argv[1]))
