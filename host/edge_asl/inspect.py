"""What a ``.tflite`` file holds, read from its flatbuffer without TensorFlow and without running it."""

from __future__ import annotations

import contextlib
import functools
import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from edge_asl.errors import QuantizationError
from edge_asl_device.contract.manifest import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    MODEL,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    Manifest,
    Metrics,
    read_bundle,
)
from edge_asl_device.errors import BundleError

IDENTIFIER = b"TFL3"
_FLOATS = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16"})
_BYTES = {"INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "INT32": 4, "FLOAT32": 4, "INT64": 8}
_MIN_RUNTIME = b"min_runtime_version"

# Which TensorFlow Lite release first ran version 1, 2, 3 … of an operator.
# Source: op_version_map in tensorflow/lite/tools/versioning/runtime_version.cc (commit 00b1ec2), those operators
# that a picture classifier may contain. A version beyond its row is newer than the table, that is than 2.11.
_RUNTIMES = {
    "ADD": "1.5.0 1.14.0 2.4.0 2.6.0",
    "ARG_MAX": "1.9.0 1.14.0 2.9.0",
    "AVERAGE_POOL_2D": "1.5.0 1.14.0 2.3.0",
    "BATCH_MATMUL": "2.3.0 2.3.0 2.4.0 2.5.0",
    "CAST": "1.5.0 2.7.0 2.8.0 2.9.0",
    "CONCATENATION": "1.5.0 1.14.0 2.3.0",
    "CONV_2D": "1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0",
    "DEPTHWISE_CONV_2D": "1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0",
    "DEPTH_TO_SPACE": "2.1.0 2.5.0",
    "DEQUANTIZE": "1.13.1 1.14.0 1.15.0 2.2.0 2.7.0",
    "DIV": "1.6.0 2.3.0",
    "EXP": "1.7.0",
    "EXPAND_DIMS": "1.10.0",
    "FULLY_CONNECTED": "1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 2.3.0 2.3.0",
    "GATHER": "1.6.0 1.14.0 1.15.0 2.4.0 2.5.0",
    "GELU": "2.9.0 2.9.0",
    "HARD_SWISH": "1.15.0",
    "L2_NORMALIZATION": "1.5.0 1.14.0",
    "LEAKY_RELU": "1.13.1 2.3.0",
    "LOGISTIC": "1.14.0 1.14.0 2.3.0",
    "LOG_SOFTMAX": "1.14.0 1.14.0",
    "MAXIMUM": "1.14.0 1.14.0 2.3.0 2.3.0",
    "MAX_POOL_2D": "1.5.0 1.14.0 2.3.0",
    "MEAN": "1.6.0 1.14.0 2.4.0",
    "MINIMUM": "1.14.0 1.14.0 2.3.0 2.3.0",
    "MIRROR_PAD": "1.13.1 2.3.0",
    "MUL": "1.5.0 1.14.0 1.15.0 2.3.0 2.6.0",
    "PACK": "1.11.0 1.14.0 2.3.0",
    "PAD": "1.5.0 1.14.0 2.4.0 2.6.0",
    "PADV2": "1.9.0 1.14.0 2.4.0 2.6.0",
    "PRELU": "1.8.0",
    "QUANTIZE": "1.14.0 1.15.0 2.7.0",
    "REDUCE_MAX": "1.11.0 1.14.0 2.5.0",
    "REDUCE_MIN": "1.11.0 1.14.0 2.5.0",
    "RELU": "1.5.0 2.1.0 2.5.0",
    "RELU6": "1.5.0 1.14.0 2.5.0",
    "RELU_N1_TO_1": "1.5.0",
    "RESHAPE": "1.5.0",
    "RESIZE_BILINEAR": "1.7.0 1.14.0 2.2.0 2.5.0",
    "RESIZE_NEAREST_NEIGHBOR": "1.13.1 1.14.0 2.3.0 2.4.0",
    "RSQRT": "1.10.0 2.5.0",
    "SHAPE": "1.10.0",
    "SLICE": "1.14.0 1.14.0 1.14.0 2.4.0 2.5.0",
    "SOFTMAX": "1.5.0 1.14.0 2.3.0",
    "SPACE_TO_DEPTH": "1.5.0 1.14.0",
    "SPLIT": "1.5.0 1.14.0 1.14.0 2.3.0",
    "SQUARED_DIFFERENCE": "1.13.1 2.5.0",
    "SQUEEZE": "1.6.0 2.5.0",
    "STRIDED_SLICE": "1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0",
    "SUB": "1.6.0 1.14.0 2.3.0 2.4.0 2.4.0",
    "SUM": "1.10.0 1.15.0",
    "TANH": "1.14.0 1.14.0 2.3.0",
    "TRANSPOSE": "1.6.0 1.14.0 1.15.0 2.3.0 2.4.0",
    "TRANSPOSE_CONV": "1.9.0 2.2.0 2.3.0",
    "UNPACK": "1.11.0 1.14.0 2.2.0 2.3.0",
}


class Tensor(Struct, frozen=True):
    """One tensor at the model's boundary."""

    name: str
    shape: tuple[int, ...]
    dynamic: bool
    """Some dimension is only known at run time; ``shape`` then holds 1 there."""
    dtype: str
    """As in the TensorFlow Lite schema: ``INT8``, ``FLOAT32``."""
    scale: float | None
    zero_point: int | None
    operator: str
    """Which operator makes it (an output) or reads it first (an input): ``CONV_2D (operator 0)``."""


class Operator(Struct, frozen=True):
    """One kind of operator."""

    name: str
    version: int
    count: int


class FloatTensor(Struct, frozen=True):
    """A floating-point tensor: a step that an integer-only device cannot take."""

    name: str
    dtype: str
    made_by: str
    """``DEQUANTIZE (operator 12)``, ``model input`` or ``constant of CONV_2D (operator 0)``."""


class ModelFacts(Struct, frozen=True):
    """What a ``.tflite`` file holds."""

    path: str
    size: int
    """Bytes, an appended ZIP included."""
    operators: tuple[Operator, ...]
    """Sorted by name and version."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    float_tensors: tuple[FloatTensor, ...]
    multiply_accumulates: int
    """Per picture; see ``multiply_accumulates()``."""
    parameters: int
    """Elements of all constants that have a scale or are floats: weights and biases, no axes or shapes."""
    declared_runtime: str | None
    """What the converter wrote into the file."""
    minimum_runtime: str | None
    """The smallest TensorFlow Lite that has every operator: the greater of the file's claim and the table's."""
    beyond_table: tuple[str, ...]
    """Operators newer than the table, or not in it: ``minimum_runtime`` may be too small for them."""
    metadata: tuple[str, ...]
    """Names of the metadata entries."""

    @property
    def operator_versions(self) -> dict[str, int]:
        """Each operator's highest version: the manifest's ``operators``."""
        return {o.name: o.version for o in self.operators}  # sorted by version: the highest comes last


class BundleFacts(Struct, frozen=True):
    """What a bundle holds."""

    folder: str
    digest: str
    manifest: Manifest
    model: ModelFacts


class GraphTensor(NamedTuple):
    """A tensor inside the graph; ``data``: numpy uint8, a constant's bytes; None: it is computed."""

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


def inspect_path(path: Path) -> ModelFacts | BundleFacts:
    """Inspect a bundle's folder or a ``.tflite`` file, whichever ``path`` is.

    Raises:
        BundleError, QuantizationError: as ``inspect_bundle`` and ``inspect_model``.
    """
    return inspect_bundle(path) if path.is_dir() else inspect_model(path)


def inspect_bundle(folder: Path) -> BundleFacts:
    """Check a bundle and inspect its model.

    Raises:
        BundleError: the bundle is missing, damaged or for another contract.
        QuantizationError: its model is not a TensorFlow Lite file.
    """
    bundle = read_bundle(folder)
    return BundleFacts(str(folder), bundle.digest, bundle.manifest, inspect_model(bundle.folder / MODEL))


def inspect_model(path: Path) -> ModelFacts:
    """Read a ``.tflite`` file; bytes after the flatbuffer, such as an appended ZIP of labels, do not matter.

    Raises:
        BundleError: there is no such file.
        QuantizationError: the file is not a whole TensorFlow Lite model.
    """
    data = read_file(path)
    model = load_model(data, str(path))
    graphs = read_graphs(model, str(path))
    with damage_as_error(str(path)):
        return _facts(str(path), len(data), model, graphs)


def contract_violations(facts: ModelFacts, classes: int | None) -> list[str]:
    """What departs from the bundle's contract (docs/bundle.md), each naming tensor and operator; empty: nothing.

    Input int8 (1, H, W, 3), scale exactly 1/128, zero point 0; output int8 (1, ``classes``), scale 1/256, zero
    point −128; no floating-point tensor. ``classes`` None: any number from 2.
    """
    found = []
    for what, tensors in (("input", facts.inputs), ("output", facts.outputs)):
        if len(tensors) != 1:
            found.append(f"{what}: expected one tensor, found {len(tensors)}")
    for tensor in facts.inputs:
        fits = len(tensor.shape) == 4 and tensor.shape[0] == 1 and tensor.shape[3] == 3
        found += _tensor_violations("input", tensor, fits, "(1, H, W, 3)", INPUT_SCALE, INPUT_ZERO_POINT)
    for tensor in facts.outputs:
        fits = len(tensor.shape) == 2 and tensor.shape[0] == 1
        fits = fits and (tensor.shape[1] >= 2 if classes is None else tensor.shape[1] == classes)
        shape = f"(1, {'classes' if classes is None else classes})"
        found += _tensor_violations("output", tensor, fits, shape, OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    found += [f"tensor {t.name}: expected integers only, found {t.dtype}, {t.made_by}" for t in facts.float_tensors]
    return found


def format_facts(facts: ModelFacts | BundleFacts) -> str:
    """Facts as lines for a terminal, no newline at the end. For machines: ``msgspec.json.encode(facts)``."""
    if isinstance(facts, BundleFacts):
        return "\n".join([*_bundle_lines(facts), "", format_facts(facts.model)])
    runtime = facts.minimum_runtime or "unknown"
    lines = [
        f"{facts.path}: {facts.size / 1e6:.2f} MB, {facts.parameters:,} parameters, "
        f"{facts.multiply_accumulates / 1e6:,.1f} million multiply-accumulates a picture",
        f"TensorFlow Lite {runtime} or later" + _beyond(facts.beyond_table),
        "",
        *(f"input   {_tensor_line(t)}" for t in facts.inputs),
        *(f"output  {_tensor_line(t)}" for t in facts.outputs),
        "",
        *(f"{o.count:4} × {o.name} v{o.version}" for o in facts.operators),
        "",
    ]
    if facts.float_tensors:
        lines += [f"float   {t.name} {t.dtype}, {t.made_by}" for t in facts.float_tensors]
    else:
        lines.append("no floating-point tensor")
    if facts.metadata:
        lines.append(f"metadata: {', '.join(facts.metadata)}")
    return "\n".join(lines)


def minimum_runtime(operator: str, version: int) -> str | None:
    """The first TensorFlow Lite release with this version of an operator; None: the table does not say."""
    releases = _RUNTIMES.get(operator, "").split()
    return releases[version - 1] if 1 <= version <= len(releases) else None


def version_key(version: str) -> tuple[int, ...]:
    """Dotted numbers for comparison, number by number; what is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def multiply_accumulates(node: Node) -> int:
    """Multiply-accumulates of one operator for one invocation, bias and activation left out.

    With O the number of output elements and the weights' shape in TensorFlow Lite's order:

    - CONV_2D, weights (C_out, K_h, K_w, C_in / groups): O · K_h · K_w · C_in / groups
    - DEPTHWISE_CONV_2D, weights (1, K_h, K_w, C): O · K_h · K_w
    - FULLY_CONNECTED, weights (units, depth): O · depth
    - TRANSPOSE_CONV, weights (C_out, K_h, K_w, C_in): elements of its input (third) · K_h · K_w · C_out
    - BATCH_MATMUL, left (…, rows, depth): O · depth, the last but one where it is transposed

    Everything else (additions, means, softmax) counts 0: in a MobileNetV2 that is below one per cent. These are
    the "MAdds" of Sandler et al., MobileNetV2 (CVPR 2018): at 224 px this gives 300.8 million for width 1.0, where
    the paper says 300, and 59.3 for 0.35, where Keras's documentation says 59.
    """
    shapes = [t.shape if t is not None else () for t in node.inputs]
    made = sum(math.prod(t.shape) for t in node.outputs)
    match node.operator:
        case "CONV_2D":
            return made * math.prod(shapes[1][1:])
        case "DEPTHWISE_CONV_2D":
            return made * math.prod(shapes[1][1:3])
        case "FULLY_CONNECTED":
            return made * shapes[1][-1]
        case "TRANSPOSE_CONV":
            return math.prod(shapes[2]) * math.prod(shapes[1][:3])
        case "BATCH_MATMUL":
            return made * shapes[0][-2 if node.options and node.options.adjX else -1]
    return 0


def read_file(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path}: expected a bundle folder or a .tflite file, found {error.strerror}; "
            "name one that edge-asl build wrote"
        ) from error


def load_model(data: bytes, name: str) -> Any:
    """Unpack a flatbuffer into ``ai_edge_litert.schema_py_generated.ModelT``; ``name`` stands in the errors.

    Raises:
        QuantizationError: not a TensorFlow Lite file, or one that was cut off.
    """
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != IDENTIFIER:
        raise QuantizationError(
            f"{name}: expected a TensorFlow Lite model ({IDENTIFIER.decode()} at bytes 4 to 8), "
            f"found {data[4:8]!r} in {len(data)} bytes; copy or build it again"
        )
    with damage_as_error(name):
        # Unpacking follows every offset and takes every weight's bytes, so that none can point outside the file.
        return schema.ModelT.InitFromPackedBuf(data, 0)


@contextlib.contextmanager
def damage_as_error(name: str) -> Iterator[None]:
    """Turn what reading a damaged model raises into one line.

    Python's flatbuffers has no verifier: a wrong offset, length or index shows as whatever error its use leads to.

    Raises:
        QuantizationError: in place of any such error; ``name`` stands in it.
    """
    try:
        yield
    except (
        struct.error, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError,
    ) as error:  # fmt: skip
        raise _damaged(name, f"one that contradicts itself ({type(error).__name__}: {error})") from error


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
        raise _damaged(name, f"tensor {_text(tensor.name)} of shape {shape} with only {len(data)} bytes")
    return GraphTensor(
        number=number,
        name=_text(tensor.name),
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
    return _text(code.customCode) if name == "CUSTOM" else name


@functools.cache
def _names() -> tuple[dict[int, str], dict[int, str]]:
    from ai_edge_litert import schema_py_generated as schema

    kinds = (schema.TensorType, schema.BuiltinOperator)
    return tuple({v: k for k, v in vars(kind).items() if isinstance(v, int)} for kind in kinds)  # type: ignore[return-value]


def _boundary(tensor: GraphTensor, nodes: Iterable[Node], *, making: bool) -> Tensor:
    touching = [n.title for n in nodes if any(t is tensor for t in (n.outputs if making else n.inputs))]
    return Tensor(
        name=tensor.name,
        shape=tensor.shape,
        dynamic=tensor.dynamic,
        dtype=tensor.dtype,
        scale=tensor.scales[0] if len(tensor.scales) == 1 else None,
        zero_point=tensor.zero_points[0] if len(tensor.zero_points) == 1 else None,
        operator=touching[0] if touching else "no operator",
    )


def _facts(path: str, size: int, model: Any, graphs: tuple[Graph, ...]) -> ModelFacts:
    nodes = [node for graph in graphs for node in graph.nodes]
    counted = Counter((n.operator, n.version) for n in nodes)
    declared = _declared_runtime(model)
    known = [runtime for name, version in counted if (runtime := minimum_runtime(name, version))]
    return ModelFacts(
        path=path,
        size=size,
        operators=tuple(Operator(name, version, count) for (name, version), count in sorted(counted.items())),
        inputs=tuple(_boundary(t, graphs[0].nodes, making=False) for t in graphs[0].inputs),
        outputs=tuple(_boundary(t, graphs[0].nodes, making=True) for t in graphs[0].outputs),
        float_tensors=tuple(f for graph in graphs for f in _float_tensors(graph)),
        multiply_accumulates=sum(multiply_accumulates(n) for n in nodes),
        parameters=sum(math.prod(t.shape) for g in graphs for t in g.tensors if _is_parameter(t)),
        declared_runtime=declared,
        minimum_runtime=max([*known, *([declared] if declared else [])], key=version_key, default=None),
        beyond_table=tuple(f"{name} v{v}" for name, v in sorted(counted) if minimum_runtime(name, v) is None),
        metadata=tuple(_text(entry.name) for entry in model.metadata or ()),
    )


def _float_tensors(graph: Graph) -> list[FloatTensor]:
    made_by = {t.number: f"constant of {n.title}" for n in reversed(graph.nodes) for t in n.inputs if t is not None}
    made_by |= {t.number: "model input" for t in graph.inputs}
    made_by |= {t.number: n.title for n in graph.nodes for t in n.outputs}
    return [FloatTensor(t.name, t.dtype, made_by.get(t.number, "nothing")) for t in graph.tensors if t.dtype in _FLOATS]


def _is_parameter(tensor: GraphTensor) -> bool:
    return tensor.data is not None and (tensor.dtype in _FLOATS or bool(tensor.scales))


def _declared_runtime(model: Any) -> str | None:
    for entry in model.metadata or ():
        if entry.name == _MIN_RUNTIME:
            return bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode("ascii", "replace") or None
    return None


def _tensor_violations(what: str, tensor: Tensor, fits: bool, shape: str, scale: float, zero_point: int) -> list[str]:
    verb = "made" if what == "output" else "first read"
    where = f"{what} {tensor.name}, {verb} by {tensor.operator}"
    found = []
    if tensor.dtype != "INT8":
        found.append(f"{where}: expected INT8, found {tensor.dtype}")
    if not fits or tensor.dynamic:
        dynamic = ", some of it only known at run time" if tensor.dynamic else ""
        found.append(f"{where}: expected shape {shape}, found {tensor.shape}{dynamic}")
    if tensor.scale != scale:
        found.append(f"{where}: expected scale 1/{1 / scale:g}, found {tensor.scale}")
    if tensor.zero_point != zero_point:
        found.append(f"{where}: expected zero point {zero_point}, found {tensor.zero_point}")
    return found


def _bundle_lines(facts: BundleFacts) -> list[str]:
    manifest = facts.manifest
    return [
        f"{facts.folder}: {manifest.name} {manifest.version}, {manifest.created}, digest {facts.digest[:12]}…",
        f"{len(manifest.labels)} labels: {' '.join(manifest.labels)}",
        _accuracy_line(manifest.metrics),
        f"recipe {manifest.provenance.recipe}, seed {manifest.provenance.seed}, "
        f"commit {manifest.provenance.git_commit or 'unknown'}",
        *(f"{name}: {file.size:,} bytes, sha256 {file.sha256[:12]}…" for name, file in manifest.files.items()),
    ]


def _accuracy_line(metrics: Metrics | None) -> str:
    if metrics is None:
        return "accuracy not measured"
    people = "people unknown" if metrics.people is None else f"{metrics.people} people"
    return (
        f"accuracy {metrics.accuracy_int8:.1%} "
        f"(95 % interval {metrics.accuracy_low:.1%} to {metrics.accuracy_high:.1%}) "
        f"on {metrics.split}: {metrics.pictures} pictures, {people}"
    )


def _tensor_line(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype} {tensor.shape}, scale {tensor.scale}, zero point {tensor.zero_point}"


def _beyond(operators: tuple[str, ...]) -> str:
    return f"; newer than the table of releases: {', '.join(operators)}" if operators else ""


def _damaged(name: str, found: str) -> QuantizationError:
    return QuantizationError(f"{name}: expected a whole TensorFlow Lite model, found {found}; copy or build it again")


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in _list(values))


def _list(values: Any) -> Any:
    return () if values is None else values


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
