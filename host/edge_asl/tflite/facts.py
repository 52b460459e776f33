"""Facts about a ``.tflite`` file: operators, tensors, arithmetic, the runtime it needs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_asl.tflite.edgetpu_compiled import EdgeTpuFacts, edgetpu_facts
from edge_asl.tflite.graph import Graph, GraphTensor, Node, as_text, damage_as_error, load_model, read_file, read_graphs
from edge_asl.tflite.operator_versions import minimum_runtime, version_key
from edge_asl_device.inference.reasons import EDGETPU_OPERATOR

FLOATS = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16"})
_MIN_RUNTIME = b"min_runtime_version"


class Tensor(Struct, frozen=True):
    """One tensor at the model's boundary."""

    name: str
    shape: tuple[int, ...]
    dynamic: bool
    """Some dimension is only known at run time; it is 1 in ``shape``."""
    dtype: str
    """As in the TensorFlow Lite schema: ``INT8``, ``FLOAT32``."""
    scale: float | None
    zero_point: int | None
    operator: str
    """The operator that makes it (an output) or reads it first (an input): ``CONV_2D (operator 0)``."""


class Operator(Struct, frozen=True):
    """One kind of operator."""

    name: str
    version: int
    count: int


class FloatTensor(Struct, frozen=True):
    """A floating-point tensor, which an integer-only device cannot compute."""

    name: str
    dtype: str
    made_by: str
    """``DEQUANTIZE (operator 12)``, ``model input`` or ``constant of CONV_2D (operator 0)``."""


class ModelFacts(Struct, frozen=True):
    """Facts about a ``.tflite`` file."""

    path: str
    size: int
    """Bytes, an appended ZIP included."""
    operators: tuple[Operator, ...]
    """Sorted by name and version."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    float_tensors: tuple[FloatTensor, ...]
    multiply_accumulates: int
    """Per picture."""
    parameters: int
    """Weights and biases: elements of all constants that have a scale or are floats, not axes or shapes."""
    declared_runtime: str | None
    """The minimum runtime that the converter wrote into the file."""
    minimum_runtime: str | None
    """The oldest TensorFlow Lite with every operator: the newer one of the file's claim and the table's."""
    beyond_table: tuple[str, ...]
    """Operators newer than the table or missing from it: ``minimum_runtime`` may be too old for them."""
    metadata: tuple[str, ...]
    """Names of the metadata entries."""
    edgetpu: EdgeTpuFacts | None = None
    """What of it is compiled for the Edge TPU; the numbers above are of the rest then."""

    @property
    def operator_versions(self) -> dict[str, int]:
        """Each operator's highest version: the manifest's ``operators``."""
        return {o.name: o.version for o in self.operators}  # sorted by version: the highest comes last


def model_facts(path: Path) -> ModelFacts:
    """Read a ``.tflite`` file; bytes after the flatbuffer, such as an appended ZIP of labels, are ignored.

    Raises:
        BundleError: there is no such file.
        QuantizationError: the file is not a whole TensorFlow Lite model.
    """
    return facts_of(read_file(path), str(path))


def facts_of(data: bytes, name: str) -> ModelFacts:
    """The same of a file's bytes; ``name`` appears in the facts and in errors.

    Raises:
        QuantizationError: they are not a whole TensorFlow Lite model.
    """
    model = load_model(data, name)
    graphs = read_graphs(model, name)
    with damage_as_error(name):
        return _facts_of(name, len(data), model, graphs)


def _facts_of(path: str, size: int, model: Any, graphs: tuple[Graph, ...]) -> ModelFacts:
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
        parameters=sum(math.prod(t.shape) for graph in graphs for t in graph.tensors if _is_parameter(t)),
        declared_runtime=declared,
        minimum_runtime=max([*known, *([declared] if declared else [])], key=version_key, default=None),
        beyond_table=tuple(
            f"{name} v{v}"
            for name, v in sorted(counted)
            if minimum_runtime(name, v) is None and name != EDGETPU_OPERATOR
        ),
        metadata=tuple(as_text(entry.name) for entry in model.metadata or ()),
        edgetpu=edgetpu_facts(model, graphs),
    )


def multiply_accumulates(node: Node) -> int:
    """Multiply-accumulates of one operator in one invocation, without bias and activation.

    With O the number of output elements and the weights' shape in TensorFlow Lite's order:

    - CONV_2D, weights (C_out, K_h, K_w, C_in / groups): O · K_h · K_w · C_in / groups
    - DEPTHWISE_CONV_2D, weights (1, K_h, K_w, C): O · K_h · K_w
    - FULLY_CONNECTED, weights (units, depth): O · depth
    - TRANSPOSE_CONV, weights (C_out, K_h, K_w, C_in): elements of its input (third) · K_h · K_w · C_out
    - BATCH_MATMUL, left (…, rows, depth): O · depth, the last but one if it is transposed

    Everything else (additions, means, softmax) counts 0: below one per cent in a MobileNetV2. These are
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


def _is_parameter(tensor: GraphTensor) -> bool:
    return tensor.data is not None and (tensor.dtype in FLOATS or bool(tensor.scales))


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


def _float_tensors(graph: Graph) -> list[FloatTensor]:
    made_by = {t.number: f"constant of {n.title}" for n in reversed(graph.nodes) for t in n.inputs if t is not None}
    made_by |= {t.number: "model input" for t in graph.inputs}
    made_by |= {t.number: n.title for n in graph.nodes for t in n.outputs}
    return [FloatTensor(t.name, t.dtype, made_by.get(t.number, "nothing")) for t in graph.tensors if t.dtype in FLOATS]


def _declared_runtime(model: Any) -> str | None:
    for entry in model.metadata or ():
        if entry.name == _MIN_RUNTIME:
            return bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode("ascii", "replace") or None
    return None
