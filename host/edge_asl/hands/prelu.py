"""PRELU in int8 operators that are fast everywhere: ``ai-edge-quantizer`` leaves it in floating point.

y = max(x, 0) + slope · min(x, 0), one slope per channel. In int8, a tensor whose range ends at 0 cuts off what lies
beyond; so the operator that makes x can make its two halves, each with the whole resolution. A depthwise 1×1
convolution multiplies the lower half by the slopes, which have a scale of their own for each channel, and an ADD joins
both. XNNPACK runs all of these in int8. Its PRELU computes in float only, and the plain int8 kernel takes longer than
the rest of the palm model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.errors import QuantizationError
from edge_asl.hands.ranges import Range
from edge_asl.hands.surgery import add_buffer, maker, operator_code

_LEAST = 1e-6
"""Of a range or a slope: a scale must not be 0."""


class _Island(NamedTuple):
    """What the quantizer makes of a PRELU: DEQUANTIZE, the operator in float, QUANTIZE."""

    before: Any
    prelu: Any
    after: Any

    @property
    def source(self) -> int:
        """The int8 tensor that goes in."""
        return int(self.before.inputs[0])

    @property
    def result(self) -> int:
        """The int8 tensor that comes out."""
        return int(self.after.outputs[0])


def replace_prelu(model: Any, ranges: Mapping[str, Range]) -> int:
    """Replace every PRELU of a quantized graph that is still in floating point; how many.

    Args:
        model: a ``schema_py_generated.ModelT`` from ``quantize_network``; changed in place.
        ranges: of every tensor of the float network, by name.

    Raises:
        QuantizationError: a PRELU stands elsewhere than between a DEQUANTIZE and one QUANTIZE.
    """
    graph = model.subgraphs[0]
    islands = {id(island.after): island for island in _islands(model)}
    left = {id(operator) for island in islands.values() for operator in (island.before, island.prelu)}
    operators = []
    for operator in graph.operators:
        if id(operator) in islands:
            operators += _integer_operators(model, islands[id(operator)], ranges)
        elif id(operator) not in left:
            operators.append(operator)
    graph.operators = operators
    return len(islands)


def _islands(model: Any) -> list[_Island]:
    from ai_edge_litert import schema_py_generated as schema

    found = []
    for prelu in model.subgraphs[0].operators:
        if operator_code(model, prelu) != schema.BuiltinOperator.PRELU:
            continue
        readers = [o for o in model.subgraphs[0].operators if prelu.outputs[0] in o.inputs]
        before = maker(model, int(prelu.inputs[0]))
        codes = [operator_code(model, o) for o in (before, *readers)]
        if codes != [schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.QUANTIZE]:
            raise QuantizationError(
                "PRELU: expected it between one DEQUANTIZE and one QUANTIZE; install the pinned ai-edge-quantizer"
            )
        found.append(_Island(before, prelu, readers[0]))
    return found


def _integer_operators(model: Any, island: _Island, ranges: Mapping[str, Range]) -> list[Any]:
    from ai_edge_litert import schema_py_generated as schema

    tensors = model.subgraphs[0].tensors
    result, slope = tensors[island.result], tensors[island.prelu.inputs[1]]
    slopes = np.frombuffer(bytes(model.buffers[slope.buffer].data), np.float32)
    low, high = ranges[tensors[island.source].name.decode()]
    upper, lower = max(high, _LEAST) / 255, max(-low, _LEAST) / 255
    positive = _add_tensor(model, b"positive", result.shape, _quantization([upper], -128))
    negative = _add_tensor(model, b"negative", result.shape, _quantization([lower], 127))
    # Where x is negative, its product with the slope is the result: their ranges are the same.
    scaled = _add_tensor(model, b"scaled", result.shape, result.quantization)
    halves = [_made_again(model, island.source, half) for half in (positive, negative)]
    join = _operator(model, schema.BuiltinOperator.ADD, [positive, scaled], island.result, schema.AddOptionsT())
    return [*halves, _scaling(model, negative, scaled, slopes, lower), join]


def _made_again(model: Any, source: int, half: int) -> Any:
    """An operator that makes tensor ``half`` of what makes ``source``."""
    from ai_edge_litert import schema_py_generated as schema

    original = maker(model, source)
    if operator_code(model, original) != schema.BuiltinOperator.ADD:  # a convolution twice would cost more
        return _operator(model, schema.BuiltinOperator.QUANTIZE, [source], half, schema.QuantizeOptionsT())
    return _operator(model, schema.BuiltinOperator.ADD, original.inputs, half, original.builtinOptions)


def _scaling(model: Any, source: int, result: int, slopes: NDArray[np.float32], source_scale: float) -> Any:
    """A depthwise 1×1 convolution that multiplies each channel by its slope."""
    from ai_edge_litert import schema_py_generated as schema

    scales = np.maximum(np.abs(slopes), _LEAST) / 127
    weights = np.rint(slopes / scales).astype(np.int8)
    kernel = _add_tensor(model, b"slopes", [1, 1, 1, len(slopes)], _quantization(scales, 0, axis=3), weights)
    bias_scales = _quantization(scales * source_scale, 0)
    bias = _add_tensor(model, b"no bias", [len(slopes)], bias_scales, np.zeros(len(slopes), np.int32))
    options = schema.DepthwiseConv2DOptionsT(
        strideW=1, strideH=1, depthMultiplier=1, dilationWFactor=1, dilationHFactor=1
    )
    return _operator(model, schema.BuiltinOperator.DEPTHWISE_CONV_2D, [source, kernel, bias], result, options)


def _operator(model: Any, code: int, inputs: Any, output: int, options: Any) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.OperatorT(
        opcodeIndex=_code_index(model, code),
        inputs=np.array(inputs, np.int32),
        outputs=np.array([output], np.int32),
        builtinOptionsType=getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T")),
        builtinOptions=options,
    )


def _code_index(model: Any, code: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    for index, known in enumerate(model.operatorCodes):
        if max(known.builtinCode, known.deprecatedBuiltinCode) == code:
            return index
    # Codes above 127 do not fit the old field; none of these is.
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1))
    return len(model.operatorCodes) - 1


def _add_tensor(model: Any, name: bytes, shape: Any, quantization: Any, data: NDArray[Any] | None = None) -> int:
    from ai_edge_litert import schema_py_generated as schema

    model.subgraphs[0].tensors.append(
        schema.TensorT(
            name=name,
            shape=np.array(shape, np.int32),
            type=schema.TensorType.INT32 if data is not None and data.dtype == np.int32 else schema.TensorType.INT8,
            buffer=0 if data is None else add_buffer(model, data),
            quantization=quantization,
        )
    )
    return len(model.subgraphs[0].tensors) - 1


def _quantization(scales: Any, zero_point: int, axis: int = 0) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    scales = np.asarray(scales, np.float32)
    zero_points = np.full(len(scales), zero_point, np.int64)
    return schema.QuantizationParametersT(scale=scales, zeroPoint=zero_points, quantizedDimension=axis)
