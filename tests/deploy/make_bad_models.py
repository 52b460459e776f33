"""Three small models with the golden bundle's input and output that no kiosk must be left with.

    python tests/deploy/make_bad_models.py

writes tests/data/bad-models/*.tflite anew: hand-made graphs, two kilobytes each, and nothing random in them.

- ``crash``: a loop whose body is that loop itself. Laying it out calls itself until the stack ends: SIGSEGV.
- ``hang``: a loop that never ends.
- ``late``: a loop that never ends once the middle of the picture is anything but black. A self-test with the black
  picture of a bundle without a stored answer passes; the first frame of a camera hangs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

MODELS = Path(__file__).parent.parent / "data" / "bad-models"
SIDE, CLASSES = 64, 5
INT32, INT8, BOOL = schema.TensorType.INT32, schema.TensorType.INT8, schema.TensorType.BOOL
Operator = schema.BuiltinOperator


class Graph:
    """A model that is being written: subgraphs of tensors and operators."""

    def __init__(self) -> None:
        self.model: Any = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes, self.model.subgraphs = [], []

    def subgraph(self, name: str) -> Any:
        added = schema.SubGraphT()
        added.name, added.tensors, added.operators, added.inputs, added.outputs = name, [], [], [], []
        self.model.subgraphs.append(added)
        return added

    def tensor(
        self, graph: Any, kind: int, shape: list[int], scale: float = 0.0, zero: int = 0, data: bytes = b""
    ) -> int:
        """The index of a new tensor; with ``data`` a constant one."""
        added = schema.TensorT()
        added.name, added.type, added.shape = f"{graph.name}/{len(graph.tensors)}", kind, shape
        added.buffer = 0
        if data:
            buffer = schema.BufferT()
            buffer.data = list(data)
            self.model.buffers.append(buffer)
            added.buffer = len(self.model.buffers) - 1
        if scale:
            added.quantization = schema.QuantizationParametersT()
            added.quantization.scale, added.quantization.zeroPoint = [scale], [zero]
        graph.tensors.append(added)
        return len(graph.tensors) - 1

    def operator(self, graph: Any, code: int, inputs: list[int], outputs: list[int], options: Any = None) -> None:
        known = [one.builtinCode for one in self.model.operatorCodes]
        if code not in known:
            added = schema.OperatorCodeT()
            added.builtinCode = added.deprecatedBuiltinCode = code
            added.version = 2 if code == Operator.SOFTMAX or code == Operator.SLICE else 1
            self.model.operatorCodes.append(added)
            known.append(code)
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = known.index(code), inputs, outputs
        if options is not None:
            step.builtinOptions = options
            step.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        graph.operators.append(step)

    def encoded(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def int32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)


def model(*, itself: bool, always: bool) -> bytes:
    """Five pixels of the middle row → softmax → a loop over (pixel, softmax) that hands on what it is given.

    Args:
        itself: whether the loop's body is that same loop once more.
        always: whether it goes on for black pixels, too.
    """
    graph = Graph()
    main, condition, body = (graph.subgraph(name) for name in ("main", "condition", "body"))
    picture = graph.tensor(main, INT8, [1, SIDE, SIDE, 3], 1 / 128)
    softmax = graph.tensor(main, INT8, [1, CLASSES], 1 / 256, -128)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph.operator(main, Operator.SOFTMAX, [_middle(graph, main, picture, [1, CLASSES])], [softmax], options)
    carried = [_middle(graph, main, picture, [1]), softmax]
    main.inputs, main.outputs = [picture], [_loop(graph, main, carried)[1]]

    pixel, _ = condition.inputs = _carried(graph, condition)
    black = graph.tensor(condition, INT8, [1], 1 / 128, data=b"\x80")
    condition.outputs = [graph.tensor(condition, BOOL, [1])]
    code, compare = (
        (Operator.GREATER_EQUAL, schema.GreaterEqualOptionsT())
        if always
        else (Operator.GREATER, schema.GreaterOptionsT())
    )
    graph.operator(condition, code, [pixel, black], condition.outputs, compare)

    body.inputs = _carried(graph, body)
    body.outputs = _loop(graph, body, body.inputs) if itself else body.inputs
    return graph.encoded()


def _middle(graph: Graph, main: Any, picture: int, shape: list[int]) -> int:
    """The first pixels right of the middle, in one channel, int8 of ``shape``."""
    begin = graph.tensor(main, INT32, [4], data=int32(0, SIDE // 2, SIDE // 2, 0))
    size = graph.tensor(main, INT32, [4], data=int32(1, 1, shape[-1], 1))
    pixels = graph.tensor(main, INT8, [1, 1, shape[-1], 1], 1 / 128)
    graph.operator(main, Operator.SLICE, [picture, begin, size], [pixels], schema.SliceOptionsT())
    wanted = graph.tensor(main, INT32, [len(shape)], data=int32(*shape))
    reshaped = graph.tensor(main, INT8, shape, 1 / 128)
    graph.operator(main, Operator.RESHAPE, [pixels, wanted], [reshaped], schema.ReshapeOptionsT())
    return reshaped


def _carried(graph: Graph, part: Any) -> list[int]:
    return [graph.tensor(part, INT8, [1], 1 / 128), graph.tensor(part, INT8, [1, CLASSES], 1 / 256, -128)]


def _loop(graph: Graph, part: Any, carried: list[int]) -> list[int]:
    after = _carried(graph, part)
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    graph.operator(part, Operator.WHILE, carried, after, options)
    return after


def models() -> dict[str, bytes]:
    """Name → bytes."""
    return {
        "crash": model(itself=True, always=True),
        "hang": model(itself=False, always=True),
        "late": model(itself=False, always=False),
    }


if __name__ == "__main__":
    MODELS.mkdir(exist_ok=True)
    for name, content in models().items():
        (MODELS / f"{name}.tflite").write_bytes(content)
