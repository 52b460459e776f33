"""Labels inside the ``.tflite`` file, the way readers of TensorFlow Lite Metadata expect them.

Two parts: a ``TFLITE_METADATA`` entry in the model, whose buffer holds a flatbuffer of its own that describes
input and output, and ``labels.txt`` in a ZIP appended to the file. https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped]

from edge_asl.errors import QuantizationError
from edge_asl.tflite.graph import IDENTIFIER as MODEL_IDENTIFIER
from edge_asl.tflite.graph import Graph, load_model, read_graphs
from edge_asl_device.contract.manifest import LABELS
from edge_asl_device.errors import BundleError

ENTRY = b"TFLITE_METADATA"
IDENTIFIER = b"M001"

# Tables and unions of metadata_schema.fbs 1.1.0 (tensorflow/tflite-support, commit 02e5df0): a field's number is
# its place in the table; a union takes two, its type first.
_RGB = 1
_TENSOR_AXIS_LABELS = 2
_CONTENT_IS_IMAGE = 2
_OPTIONS_ARE_NORMALIZATION = 1
_PARSER = "1.0.0"  # nothing below is younger

# The graph wants (pixel − 128) / 128; quantized with scale 1/128 that is pixel − 128.
_MEAN = 128.0
_DEVIATION = 128.0

# schema.fbs asks for 16 (Buffer.data, force_align): kernels load weights with vector instructions.
_ALIGNMENT = 16

_Write = Callable[[], None]


def embed_labels(model: bytes, labels: Sequence[str], name: str, description: str) -> bytes:
    """Add metadata and labels to a model; what it computes stays the same to the bit. Deterministic.

    Metadata of this kind and a ZIP that are already there are replaced.

    Args:
        model: A ``.tflite`` file with one picture input and one output of ``len(labels)`` classes.
        labels: In the output's order.
        name: The model's name for people.
        description: One sentence.

    Raises:
        QuantizationError: not a TensorFlow Lite model, or not one for these labels.
    """
    unpacked = load_model(model, name)
    graph = read_graphs(unpacked, name)[0]
    _check(graph, labels, name)
    _set_entry(unpacked, model_metadata(graph, name, description))
    return _append_zip(_pack(unpacked), LABELS, "".join(f"{label}\n" for label in labels))


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in a ``.tflite`` file, in the output's order.

    Raises:
        BundleError: the file cannot be read or holds no labels.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.read(LABELS).decode().splitlines())
    except (OSError, zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{path}: expected a .tflite file with {LABELS} inside, found none ({error}); "
            "use one that edge-asl build wrote"
        ) from error


def model_metadata(graph: Graph, name: str, description: str) -> bytes:
    """The ``ModelMetadata`` flatbuffer for a classifier of RGB pictures (identifier M001)."""
    b = flatbuffers.Builder(1024)
    (_, height, width, _), labels = graph.inputs[0].shape, _associated_file(b)
    tensors = {
        2: _offsets(b, [_input_metadata(b, height, width)]),
        3: _offsets(b, [_output_metadata(b, labels)]),
    }
    subgraphs = _offsets(b, [_table(b, 7, tensors)])
    fields = {0: b.CreateString(name), 1: b.CreateString(description), 3: subgraphs, 7: b.CreateString(_PARSER)}
    root = _table(b, 8, fields)
    b.Finish(root, file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _input_metadata(b: flatbuffers.Builder, height: int, width: int) -> int:
    def size() -> None:
        b.PrependUint32Slot(0, width, 0)
        b.PrependUint32Slot(1, height, 0)

    size_table = _table_with(b, 2, size)

    def image() -> None:
        b.PrependInt8Slot(0, _RGB, 0)
        b.PrependUOffsetTRelativeSlot(1, size_table, 0)

    content = _union(b, 3, _CONTENT_IS_IMAGE, _table_with(b, 2, image))
    options = _table(b, 2, {0: _floats(b, [_MEAN]), 1: _floats(b, [_DEVIATION])})
    unit = _union(b, 2, _OPTIONS_ARE_NORMALIZATION, options)
    stats = _table(b, 2, {0: _floats(b, [(255 - _MEAN) / _DEVIATION]), 1: _floats(b, [-_MEAN / _DEVIATION])})
    fields = {
        0: b.CreateString("image"),
        1: b.CreateString("The hand, cut out as a square, RGB."),
        3: content,
        4: _offsets(b, [unit]),
        5: stats,
    }
    return _table(b, 7, fields)


def _output_metadata(b: flatbuffers.Builder, labels: int) -> int:
    stats = _table(b, 2, {0: _floats(b, [1.0]), 1: _floats(b, [0.0])})
    fields = {
        0: b.CreateString("probability"),
        1: b.CreateString("The probability of each sign."),
        5: stats,
        6: _offsets(b, [labels]),
    }
    return _table(b, 7, fields)


def _associated_file(b: flatbuffers.Builder) -> int:
    name, description = b.CreateString(LABELS), b.CreateString("The signs, in the order of the output.")

    def file() -> None:
        b.PrependUOffsetTRelativeSlot(0, name, 0)
        b.PrependUOffsetTRelativeSlot(1, description, 0)
        b.PrependInt8Slot(2, _TENSOR_AXIS_LABELS, 0)

    return _table_with(b, 4, file)


def _table(b: flatbuffers.Builder, fields: int, offsets: dict[int, int]) -> int:
    """A table whose set fields are all offsets."""

    def write() -> None:
        for slot, offset in offsets.items():
            b.PrependUOffsetTRelativeSlot(slot, offset, 0)

    return _table_with(b, fields, write)


def _union(b: flatbuffers.Builder, fields: int, kind: int, value: int) -> int:
    """A table whose first two fields are a union."""

    def write() -> None:
        b.PrependUint8Slot(0, kind, 0)
        b.PrependUOffsetTRelativeSlot(1, value, 0)

    return _table_with(b, fields, write)


def _table_with(b: flatbuffers.Builder, fields: int, write: _Write) -> int:
    b.StartObject(fields)
    write()
    return int(b.EndObject())


def _offsets(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: flatbuffers.Builder, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())


class _AlignedBuffer:
    """A schema ``Buffer`` that keeps its bytes aligned, which the generated ``BufferT.Pack`` does not."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def Pack(self, b: flatbuffers.Builder) -> int:  # noqa: N802 - called by the generated ModelT.Pack
        b.StartVector(1, len(self.data), _ALIGNMENT)
        b.head -= len(self.data)
        b.Bytes[b.head : b.head + len(self.data)] = self.data
        return _table(b, 3, {0: int(b.EndVector())})


def _set_entry(model: Any, metadata: bytes) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model.metadata = model.metadata or []
    for entry in model.metadata:
        if entry.name == ENTRY:
            model.buffers[entry.buffer] = schema.BufferT(data=metadata)
            return
    model.metadata.append(schema.MetadataT(name=ENTRY, buffer=len(model.buffers)))
    model.buffers.append(schema.BufferT(data=metadata))


def _pack(model: Any) -> bytes:
    model.buffers = [buffer if buffer.data is None else _AlignedBuffer(bytes(buffer.data)) for buffer in model.buffers]
    b = flatbuffers.Builder(1 << 20)
    b.Finish(model.Pack(b), file_identifier=MODEL_IDENTIFIER)
    return bytes(b.Output())


def _append_zip(model: bytes, name: str, text: str) -> bytes:
    """Append a ZIP of one file, stored: readers map it into memory and expect it so."""
    # Neither clock nor operating system may show in the bytes.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_STORED
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(entry, text)
    return file.getvalue()


def _check(graph: Graph, labels: Sequence[str], name: str) -> None:
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4 or len(graph.outputs) != 1:
        shapes = [t.shape for t in (*graph.inputs, *graph.outputs)]
        raise QuantizationError(f"{name}: expected one picture input and one output, found tensors of {shapes}")
    classes = graph.outputs[0].shape[-1] if graph.outputs[0].shape else 0
    if classes != len(labels):
        raise QuantizationError(
            f"{name}: expected {classes} labels, as many as the model has outputs, found {len(labels)}"
        )
    for label in labels:
        if label.splitlines() != [label]:
            raise QuantizationError(f"{name}: expected labels of one line each, found {label!r}; rename the class")
