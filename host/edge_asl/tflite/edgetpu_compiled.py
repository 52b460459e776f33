"""What ``edgetpu_compiler`` made: one operator in place of many, with a package for the Edge TPU inside."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

from msgspec import Struct

from edge_asl.tflite.graph import Graph, as_text
from edge_asl_device.errors import one_line
from edge_asl_device.inference.reasons import EDGETPU_OPERATOR

PACKAGE = b"DWN1"
"""Identifier of the package's flatbuffer (libedgetpu, executable/executable.fbs)."""
_RUNTIME_FIELD, _COMPILER_FIELD = 0, 4
"""Of its table ``Package``: min_runtime_version, compiler_version."""
LONGEST = 60


class EdgeTpuFacts(Struct, frozen=True):
    """A compiled model's part for the Edge TPU."""

    parts: int
    """Operators that are compiled for it; each stands for several of the network's."""
    compiler: str | None
    """Version of the compiler, as the file has it: ``16.0.384591198``."""
    runtime: int | None
    """The oldest runtime of the Edge TPU (libedgetpu) that takes it: 10 to 14."""
    on_cpu: int
    """Operators that remain for the processor."""


def edgetpu_facts(model: Any, graphs: tuple[Graph, ...]) -> EdgeTpuFacts | None:
    """Of an unpacked model; None if it is not compiled for the Edge TPU."""
    operators = [node.operator for graph in graphs for node in graph.nodes]
    parts = operators.count(EDGETPU_OPERATOR)
    if not parts:
        return None
    compiler, runtime = None, None
    for options in _custom_options(model):
        compiler, runtime = _package(options)
        if compiler or runtime:
            break
    return EdgeTpuFacts(parts, compiler, runtime, len(operators) - parts)


def _custom_options(model: Any) -> list[bytes]:
    codes = [as_text(code.customCode) for code in model.operatorCodes]
    return [
        bytes(operator.customOptions)
        for graph in model.subgraphs
        for operator in graph.operators or ()
        if codes[operator.opcodeIndex] == EDGETPU_OPERATOR and operator.customOptions is not None
    ]


def _package(options: bytes) -> tuple[str | None, int | None]:
    """(compiler's version, oldest runtime) from an operator's data, a flexbuffer with the package as a string in it."""
    from flatbuffers import number_types  # type: ignore[import-untyped]
    from flatbuffers.table import Table  # type: ignore[import-untyped]

    start = options.find(PACKAGE) - 4  # after the offset of its root
    if start < 0:
        return None, None
    data = options[start:]
    # Python's flatbuffers has no verifier; what does not fit is not told.
    with contextlib.suppress(struct.error, IndexError, ValueError, TypeError, UnicodeDecodeError, OverflowError):
        table = Table(data, struct.unpack_from("<I", data)[0])
        offsets = [table.Offset(4 + 2 * field) for field in (_RUNTIME_FIELD, _COMPILER_FIELD)]
        runtime = table.Get(number_types.Int32Flags, table.Pos + offsets[0]) if offsets[0] else 0
        compiler = table.String(table.Pos + offsets[1]).decode() if offsets[1] else ""
        return one_line(compiler)[:LONGEST] or None, int(runtime) or None
    return None, None
