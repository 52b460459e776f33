"""The flatbuffer of a ``.tflite`` file as plain tuples: subgraphs, operators, tensors. Needs no TensorFlow."""

from __future__ import annotations

import contextlib
import functools
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edge_asl.errors import QuantizationError
from edge_asl.imports.damage import HEAD, foreign_kind
from edge_asl_device.errors import BundleError

IDENTIFIER = b"TFL3"
_BYTES = {"INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "INT32": 4, "FLOAT32": 4, "INT64": 8}


class GraphTensor(NamedTuple):
    """A tensor in the graph; ``data``: a constant's bytes as numpy uint8; None if it is computed."""

    number: int
    name: str
    shape: tuple[int, ...]
    dynamic: bool
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    data: Any


class Node(NamedTuple):
    """One operator in execution order; ``options`` is the schema's options object, an absent input is None."""

    number: int
    operator: str
    version: int
    inputs: tuple[GraphTensor | None, ...]
    outputs: tuple[GraphTensor, ...]
    options: Any

    @property
    def title(self) -> str:
        """``CONV_2D (operator 0)``."""
        return f"{self.operator} (operator {self.number})"


class Graph(NamedTuple):
    """One subgraph."""

    tensors: tuple[GraphTensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]


def read_file(path: Path) -> bytes:
    """A ``.tflite`` file's bytes, unchecked.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read: {error.strerror}; expected a bundle folder or a .tflite file"
        ) from error


def load_model(data: bytes, name: str) -> Any:
    """Unpack a flatbuffer into ``ai_edge_litert.schema_py_generated.ModelT``; ``name`` appears in the errors.

    Raises:
        QuantizationError: not a TensorFlow Lite file, or one that was cut off.
    """
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != IDENTIFIER:
        known = foreign_kind(data[:HEAD]) if data else None
        raise QuantizationError(
            f"{name}: expected a TensorFlow Lite model ({IDENTIFIER.decode()} at bytes 4 to 8), "
            f"found {known or f'{data[4:8]!r} in {len(data)} bytes; copy or build it again'}"
        )
    with damage_as_error(name):
        # Unpacking follows every offset and reads all weights, so none can point outside the file.
        return schema.ModelT.InitFromPackedBuf(data, 0)


def read_graphs(model: Any, name: str) -> tuple[Graph, ...]:
    """The subgraphs of an unpacked model, the main one first; at least one.

    Raises:
        QuantizationError: indices or sizes contradict each other.
    """
    with damage_as_error(name):
        graphs = tuple(_read_graph(model, subgraph, name) for subgraph in model.subgraphs)
    if not graphs:
        raise _damaged(name, "no graph")
    return graphs


@contextlib.contextmanager
def damage_as_error(name: str) -> Iterator[None]:
    """Turn the exceptions raised by reading a damaged model into one line.

    Python's flatbuffers has no verifier: a wrong offset, length or index shows as whatever error its use leads to.

    Raises:
        QuantizationError: in place of any such error; ``name`` appears in it.
    """
    try:
        yield
    except (
        struct.error, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError,
    ) as error:  # fmt: skip
        raise _damaged(name, f"inconsistent data ({type(error).__name__}: {error})") from error


def as_text(value: Any) -> str:
    """A string of the schema, which is bytes or None."""
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _read_graph(model: Any, subgraph: Any, name: str) -> Graph:
    tensors = tuple(_read_tensor(model, i, t, name) for i, t in enumerate(subgraph.tensors))

    def pick(indices: Any) -> list[GraphTensor]:
        return [tensors[i] for i in _ints(indices)]

    nodes = []
    for number, operator in enumerate(subgraph.operators or ()):
        code = model.operatorCodes[operator.opcodeIndex]
        inputs = tuple(None if i < 0 else tensors[i] for i in _ints(operator.inputs))
        options = operator.builtinOptions
        nodes.append(Node(number, _operator_name(code), code.version, inputs, tuple(pick(operator.outputs)), options))
    return Graph(tensors, tuple(nodes), tuple(pick(subgraph.inputs)), tuple(pick(subgraph.outputs)))


def _read_tensor(model: Any, number: int, tensor: Any, name: str) -> GraphTensor:
    quantization = tensor.quantization
    shape, data = _ints(tensor.shape), model.buffers[tensor.buffer].data
    data = None if data is None or len(data) == 0 else data
    dtype = _names()[0].get(tensor.type, str(tensor.type))
    if data is not None and dtype in _BYTES and len(data) < math.prod(shape) * _BYTES[dtype]:
        raise _damaged(name, f"tensor {as_text(tensor.name)} of shape {shape} with only {len(data)} bytes")
    return GraphTensor(
        number=number,
        name=as_text(tensor.name),
        shape=shape,
        dynamic=-1 in _ints(tensor.shapeSignature),
        dtype=dtype,
        scales=() if quantization is None else tuple(float(s) for s in _list(quantization.scale)),
        zero_points=() if quantization is None else _ints(quantization.zeroPoint),
        data=data,
    )


def _operator_name(code: Any) -> str:
    # Codes above 127 do not fit the old byte field, which then holds 127: the greater of the two counts
    # (tensorflow/lite/schema/schema_utils.cc, GetBuiltinCode).
    name = _names()[1].get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
    return as_text(code.customCode) if name == "CUSTOM" else name


@functools.cache
def _names() -> tuple[dict[int, str], dict[int, str]]:
    from ai_edge_litert import schema_py_generated as schema

    kinds = (schema.TensorType, schema.BuiltinOperator)
    return tuple({v: k for k, v in vars(kind).items() if isinstance(v, int)} for kind in kinds)  # type: ignore[return-value]


def _damaged(name: str, found: str) -> QuantizationError:
    return QuantizationError(f"{name}: expected a whole TensorFlow Lite model, found {found}; copy or build it again")


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in _list(values))


def _list(values: Any) -> Any:
    return () if values is None else values
