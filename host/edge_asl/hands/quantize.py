"""Full int8 with ``ai-edge-quantizer``, and what it leaves to be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_asl.errors import QuantizationError
from edge_asl.hands.prelu import replace_prelu
from edge_asl.hands.ranges import Range
from edge_asl.hands.surgery import drop_unused, inline_buffers
from edge_asl.tflite.graph import load_model
from edge_asl.tflite.serialisation import serialise
from edge_asl_device.inference.silence import native_output_silenced

# The first version of each operator that computes in int8, as TensorFlow's converter writes it
# (tensorflow/lite/tools/versioning/op_version.cc); the quantizer leaves those of the float network. Runtimes and
# Coral's compiler judge by them whether they can run a model.
_INT8_VERSIONS = {
    "ADD": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "PAD": 2,
    "QUANTIZE": 2,
    "RESIZE_BILINEAR": 3,
}


def quantize_network(network: bytes, ranges: Mapping[str, Range], name: str) -> bytes:
    """A float32 network as a full int8 one: weights per channel, activations per tensor in these ranges.

    Args:
        network: a float32 ``.tflite`` file.
        ranges: of every tensor that is computed.
        name: appears in the errors.

    Raises:
        QuantizationError: the quantizer refuses.
    """
    quantized = _quantized(network, ranges, name)
    model = load_model(quantized, name)
    inline_buffers(model, quantized)
    replace_prelu(model, ranges)
    drop_unused(model)
    _state_versions(model)
    return serialise(model)


def _quantized(network: bytes, ranges: Mapping[str, Range], name: str) -> bytes:
    from ai_edge_quantizer import quantizer

    wanted = {tensor: {"min": np.array([low]), "max": np.array([high])} for tensor, (low, high) in ranges.items()}
    try:
        with native_output_silenced():
            worker = quantizer.Quantizer(network)
            worker.load_quantization_recipe(_recipe())
            result: Any = worker.quantize(wanted, enable_progress_bar=False, enable_progress_report=False)
    except Exception as error:
        # The quantizer raises whatever its parts raise; to the user it all means the same.
        raise QuantizationError(f"{name}: int8 quantization failed: {' '.join(str(error).split())[:300]}") from error
    return bytes(result.quantized_model)


def _recipe() -> Any:
    """Weights per channel, those of dense layers per matrix: old runtimes and the Edge TPU compiler know no other."""
    from ai_edge_quantizer import qtyping, recipe_manager

    manager = recipe_manager.RecipeManager()
    names = qtyping.TFLOperationName
    for operators, granularity in (
        (names.ALL_SUPPORTED, qtyping.QuantGranularity.CHANNELWISE),
        (names.FULLY_CONNECTED, qtyping.QuantGranularity.TENSORWISE),
    ):
        manager.add_static_config(
            regex=".*",
            operation_name=operators,
            activation_num_bits=8,
            weight_num_bits=8,
            weight_granularity=granularity,
        )
    return manager.get_quantization_recipe()


def _state_versions(model: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    for code in model.operatorCodes:
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        code.version = max(code.version, _INT8_VERSIONS.get(name, 1))
