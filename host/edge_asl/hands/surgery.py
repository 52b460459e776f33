"""Operations on a TensorFlow Lite graph: float16 weights folded, outputs chosen and named, everything unused dropped.

They change a ``schema_py_generated.ModelT`` with one subgraph in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_asl.errors import QuantizationError

SIGNATURE = "serving_default"


def operator_code(model: Any, operator: Any) -> int:
    """The ``BuiltinOperator`` of an operator, whichever of the two fields holds it."""
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def fold_float16(model: Any) -> int:
    """Turn every constant that is float16 with a DEQUANTIZE behind it into a float32 constant; how many.

    The DEQUANTIZE operators go; the float16 tensors stay behind, unused, until ``drop_unused``.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph, kept, folded = model.subgraphs[0], [], 0
    for operator in graph.operators:
        half = graph.tensors[operator.inputs[0]]
        constant = model.buffers[half.buffer].data is not None and half.type == schema.TensorType.FLOAT16
        if not constant or operator_code(model, operator) != schema.BuiltinOperator.DEQUANTIZE:
            kept.append(operator)
            continue
        data = _bytes(model, half).view(np.float16).astype(np.float32)
        graph.tensors[operator.outputs[0]].buffer = add_buffer(model, data)
        folded += 1
    graph.operators = kept
    return folded


def make_names_unique(model: Any) -> None:
    """Number tensors of the same name: ranges are looked up by name."""
    seen: dict[bytes, int] = {}
    for tensor in model.subgraphs[0].tensors:
        name = tensor.name or b"tensor"
        count = seen[name] = seen.get(name, 0) + 1
        tensor.name = name if count == 1 else name + b"#%d" % count


def set_boundary(model: Any, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
    """Make these tensors (name → index) the graph's inputs and outputs, in this order, and its signature."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    for name, index in (*inputs.items(), *outputs.items()):
        graph.tensors[index].name = name.encode()
    graph.inputs, graph.outputs = (np.array(list(side.values()), np.int32) for side in (inputs, outputs))
    signature = schema.SignatureDefT(signatureKey=SIGNATURE, subgraphIndex=0)
    signature.inputs, signature.outputs = (
        [schema.TensorMapT(name=name, tensorIndex=index) for name, index in side.items()] for side in (inputs, outputs)
    )
    model.signatureDefs = [signature]


def keep_rows(model: Any, output: int, rows: Sequence[int]) -> None:
    """Keep only these units of the FULLY_CONNECTED operator that makes tensor ``output``, float32 (1, units)."""
    graph = model.subgraphs[0]
    operator = maker(model, output)
    for index in operator.inputs[1:]:
        if index < 0:  # no bias
            continue
        tensor = graph.tensors[index]
        data = _bytes(model, tensor).view(np.float32).reshape(tensor.shape)[rows]
        tensor.buffer = add_buffer(model, data)
        tensor.shape = np.array(data.shape, np.int32)
    graph.tensors[output].shape = np.array([1, len(rows)], np.int32)


def inline_buffers(model: Any, file: bytes) -> None:
    """Bring constants that ``file`` keeps behind the flatbuffer (``Buffer.offset``) into it.

    ai-edge-quantizer writes them so; runtimes before TensorFlow Lite 2.15 look for none there.
    """
    for buffer in model.buffers:
        if buffer.data is None and buffer.offset > 1:
            buffer.data = np.frombuffer(file, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0


def drop_unused(model: Any) -> None:
    """Drop the operators that lead to no output, and the tensors, buffers and metadata that nothing refers to."""
    graph = model.subgraphs[0]
    needed, kept = set(map(int, graph.outputs)), []
    for operator in reversed(graph.operators):
        if needed.intersection(map(int, operator.outputs)):
            kept.append(operator)
            needed.update(int(i) for i in operator.inputs if i >= 0)
    graph.operators = kept[::-1]
    used = {int(i) for o in graph.operators for i in (*o.inputs, *o.outputs) if i >= 0} | set(map(int, graph.inputs))
    _renumber_tensors(model, sorted(used))
    _renumber_buffers(model)
    _renumber_codes(model)


def maker(model: Any, tensor: int) -> Any:
    """The operator that makes a tensor.

    Raises:
        QuantizationError: there is none.
    """
    for operator in model.subgraphs[0].operators:
        if tensor in operator.outputs:
            return operator
    raise QuantizationError(f"tensor {tensor}: expected an operator that makes it, found none; use the pinned model")


def add_buffer(model: Any, data: NDArray[Any]) -> int:
    """Add constant data; the buffer's index."""
    from ai_edge_litert import schema_py_generated as schema

    model.buffers.append(schema.BufferT(data=np.ascontiguousarray(data).reshape(-1).view(np.uint8)))
    return len(model.buffers) - 1


def _bytes(model: Any, tensor: Any) -> NDArray[np.uint8]:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.uint8)


def _renumber_tensors(model: Any, used: list[int]) -> None:
    graph = model.subgraphs[0]
    new = {old: number for number, old in enumerate(used)} | {-1: -1}
    graph.tensors = [graph.tensors[old] for old in used]
    for operator in graph.operators:
        operator.inputs = np.array([new[int(i)] for i in operator.inputs], np.int32)
        operator.outputs = np.array([new[int(i)] for i in operator.outputs], np.int32)
    graph.inputs, graph.outputs = (
        np.array([new[int(i)] for i in side], np.int32) for side in (graph.inputs, graph.outputs)
    )
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = new[entry.tensorIndex]


def _renumber_buffers(model: Any) -> None:
    model.metadata, model.metadataBuffer = None, None
    used = sorted({0} | {tensor.buffer for tensor in model.subgraphs[0].tensors})
    new = {old: number for number, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for tensor in model.subgraphs[0].tensors:
        tensor.buffer = new[tensor.buffer]


def _renumber_codes(model: Any) -> None:
    operators = model.subgraphs[0].operators
    used = sorted({operator.opcodeIndex for operator in operators})
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
