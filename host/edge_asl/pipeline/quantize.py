"""Full-integer quantization: int8 everywhere, the boundary exactly as the contract says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_asl.errors import QuantizationError
from edge_asl.training.batches import as_floats
from edge_asl.training.quiet import keras, tf
from edge_asl_device.contract.hand_features import parts_of
from edge_asl_device.contract.hand_points import LIMIT
from edge_asl_device.inference.silence import native_output_silenced


def quantize(network: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert a float network that sees pictures to a full-integer TensorFlow Lite model.

    Args:
        network: float32 (batch, H, W, 3), (pixel − 128) / 128, to softmax.
        calibration: RGB uint8 (N, H, W, 3) from the training part.

    Returns:
        The ``.tflite`` file's bytes: input int8 scale 1/128 zero point 0, output int8 scale 1/256 zero point −128.

    Raises:
        QuantizationError: the converter refuses.
    """
    return _converted(network, lambda: _representative(calibration))


def quantize_sign_network(network: keras.Model, calibration: NDArray[np.float32]) -> bytes:
    """The same for a network that takes the parts of standardised features of hands, float32 (N, ``FEATURES``).

    Returns:
        The ``.tflite`` file's bytes: inputs int8 as ``SIGN_INPUTS``, output int8 scale 1/256 zero point −128.
    """
    # Both ends of the range must occur in every part, or its scale is not exactly the contract's.
    ends = np.full((1, calibration.shape[1]), LIMIT, np.float32)
    ends[0, ::2] = -LIMIT * 128 / 127
    rows = np.concatenate([ends, calibration])[:, np.newaxis]
    return _converted(network, lambda: (parts_of(row) for row in rows))


def _converted(network: keras.Model, representative: Callable[[], Iterable[Any]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder, native_output_silenced():
        try:
            _save(network, folder)
            model: bytes = _converter(folder, representative).convert()
        except Exception as error:
            # The converter raises whatever its stages raise; to the user it all means the same.
            reason = " ".join(str(error).split())[:300]
            raise QuantizationError(f"model: full-integer conversion failed: {reason}") from error
    return model


def _save(network: keras.Model, folder: str) -> None:
    """As a SavedModel with the one graph that is converted.

    ``from_keras_model`` traces more than that and takes twice as long, and of the same network makes other bytes the
    second time. Converting the graph without saving it fails on Keras 3's variables (READ_VARIABLE).
    """
    # A batch of one is fixed in the graph: the Edge TPU compiler wants no dynamic shape.
    inputs = [tf.TensorSpec((1, *wanted.shape[1:]), tf.float32, wanted.name) for wanted in network.inputs]

    def serve(*parts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"output_0": network(list(parts) if len(parts) > 1 else parts[0], training=False)}

    graph = tf.function(serve, input_signature=inputs, autograph=False).get_concrete_function()
    saved = tf.Module()
    saved.weights = [weight.value for weight in network.weights]
    tf.saved_model.save(saved, folder, signatures=graph)


def _converter(folder: str, representative: Callable[[], Iterable[Any]]) -> Any:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # One scale for the head's matrix: neither old runtimes nor the Edge TPU compiler support one per class.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter


def choose_calibration_rows(
    rows: NDArray[np.int64], classes: NDArray[np.int32], count: int, seed: int
) -> NDArray[np.int64]:
    """About ``count`` of ``rows``, the same number of each class, chosen by ``seed``; sorted."""
    rng = np.random.default_rng(seed)
    present = np.unique(classes[rows])
    share = -(-count // len(present))
    chosen = [rng.permutation(rows[classes[rows] == label])[:share] for label in present]
    return np.sort(np.concatenate(chosen))


def _representative(calibration: NDArray[np.uint8]) -> Iterator[Sequence[Any]]:
    """The pictures one by one; the first holds a black and a white pixel.

    The converter takes the input range from the pictures; only 0 and 255 make it exactly −1 to 127/128, scale 1/128.
    """
    for i, picture in enumerate(calibration):
        extremes = picture.copy()
        if i == 0:
            extremes[0, 0], extremes[0, 1] = 0, 255
        yield [as_floats(extremes[np.newaxis])]
