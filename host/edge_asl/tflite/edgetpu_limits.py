"""What the Edge TPU can run: Coral's table of operators and their limitations, applied to one operator at a time.

The table is Coral's "Table 1. All operations supported by the Edge TPU Compiler", with the general rules of "Model
requirements" on the same page, as they stood in 2021 with compiler 16.0 and runtime 14, the last of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edge_asl.errors import QuantizationError
from edge_asl.tflite.graph import GraphTensor, Node
from edge_asl.tflite.operator_versions import minimum_runtime, version_key

SOURCE = "https://coral.ai/docs/edgetpu/models-intro/#supported-operations"

# Compiler 16.0 came out in July 2021, two months after TensorFlow 2.5. Coral publishes no list of versions; that
# it knows none younger than itself is our inference; it may refuse older ones (google-coral/edgetpu issue 420).
_COMPILER_TENSORFLOW = "2.5.0"

_SOFTMAX_ELEMENTS = 16_000


def obstacle(node: Node) -> str | None:
    """What keeps an operator off the Edge TPU, seen by itself; None: nothing.

    It names no tensor, so that equal obstacles read the same. On a damaged model it raises exceptions that
    ``damage_as_error`` turns into one line.

    Raises:
        QuantizationError: a required input is missing.
    """
    limit = _LIMITED.get(node.operator)
    if limit is None and node.operator not in _UNLIMITED.split():
        return "Operation not supported"
    return _general_obstacle(node) or _version_obstacle(node) or (limit(node) if limit else None)


def _general_obstacle(node: Node) -> str | None:
    for tensor in (*(t for t in node.inputs if t is not None), *node.outputs):
        # Constants may also be int32: biases, axes, shapes.
        if tensor.dtype not in (("INT8", "UINT8") if tensor.data is None else ("INT8", "UINT8", "INT32")):
            return f"Operation is working on an unsupported data type: {tensor.dtype}"
        if tensor.dynamic:
            return "dynamic shape; convert with a fixed batch of 1"
        # Weights are exempt: those of a convolution always have four dimensions.
        if tensor.data is None and math.prod(tensor.shape[:-3]) != 1:
            return "only the 3 innermost dimensions may exceed 1; convert with a batch of 1"
    return None


def _version_obstacle(node: Node) -> str | None:
    runtime = minimum_runtime(node.operator, node.version)
    if runtime is None or version_key(runtime) > version_key(_COMPILER_TENSORFLOW):
        return f"Operation version not supported: {node.version}"
    return None


def _no_activation(node: Node) -> str | None:
    return "no fused activation function allowed" if node.options and node.options.fusedActivationFunction else None


def _concatenation(node: Node) -> str | None:
    constants = [t for t in node.inputs if t is not None and t.data is not None]
    if constants and (len(node.inputs) != 2 or any(np.any(t.data) for t in constants)):
        return "a constant input must be all zeros and one of two"
    return _no_activation(node)


def _convolution(node: Node) -> str | None:
    o = node.options
    return "dilation must be the same in x and y" if o and o.dilationWFactor != o.dilationHFactor else None


def _fully_connected(node: Node) -> str | None:
    if node.options and node.options.weightsFormat:
        return "only the default weights format is supported"
    weights, output = _tensor(node, 1), node.outputs[0].shape
    if len(weights.scales) > 1:
        return f"weights must have one scale, found {len(weights.scales)}; convert them per tensor"
    if math.prod(output[:-1]) != 1:
        return f"output must be one-dimensional (batch 1), found {output}"
    return None


def _mean(node: Node) -> str | None:
    shape, axes = _tensor(node, 0).shape, _axes(node)
    if len(shape) - 1 in axes and shape[-1] % 4:
        return f"reduced along z, whose size must be a multiple of 4, found {shape[-1]}"
    return _no_batch(node)


def _no_batch(node: Node) -> str | None:
    shape = _tensor(node, 0).shape
    return "no reduction in the batch dimension" if len(shape) == 4 and 0 in _axes(node) else None


def _pad(node: Node) -> str | None:
    return "no padding in the batch dimension" if any(_constants(node, 1)[:2]) else None


def _pack(node: Node) -> str | None:
    return "no packing in the batch dimension" if node.options and node.options.axis == 0 else None


def _split(node: Node) -> str | None:
    return "no splitting in the batch dimension" if 0 in _constants(node, 0) else None


def _softmax(node: Node) -> str | None:
    shape = _tensor(node, 0).shape
    if math.prod(shape) != shape[-1] or shape[-1] > _SOFTMAX_ELEMENTS:
        return f"only one dimension of at most {_SOFTMAX_ELEMENTS:,} elements, found {shape}"
    return None


def _strided_slice(node: Node) -> str | None:
    if any(stride != 1 for stride in _constants(node, 3)):
        return "all strides must be 1"
    o = node.options
    return "no ellipsis and no new axis" if o and (o.ellipsisMask or o.newAxisMask) else None


# Supported without a limitation of their own. Omitted from the table: LSTM, which no picture classifier here contains.
_UNLIMITED = """
ADD EXPAND_DIMS L2_NORMALIZATION LOGISTIC MAXIMUM MINIMUM MUL PRELU QUANTIZE RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SPACE_TO_DEPTH SQUARED_DIFFERENCE SQUEEZE SUB TANH TRANSPOSE
TRANSPOSE_CONV
"""
_LIMITED: dict[str, Callable[[Node], str | None]] = {
    "AVERAGE_POOL_2D": _no_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _no_activation,
    "MEAN": _mean,
    "PACK": _pack,
    "PAD": _pad,
    "REDUCE_MAX": _no_batch,
    "REDUCE_MIN": _no_batch,
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _no_batch,
}


def _tensor(node: Node, position: int) -> GraphTensor:
    tensor = node.inputs[position]
    if tensor is None:
        raise QuantizationError(f"{node.title}: input {position} is missing; convert the model again")
    return tensor


def _constants(node: Node, position: int) -> list[int]:
    """The values of a constant int32 input; empty if it is computed."""
    tensor = _tensor(node, position)
    return [] if tensor.data is None else [int(v) for v in np.frombuffer(bytes(tensor.data), np.int32)]


def _axes(node: Node) -> set[int]:
    dimensions = len(_tensor(node, 0).shape)
    return {axis % dimensions for axis in _constants(node, 1)}
