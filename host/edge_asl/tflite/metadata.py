"""Labels inside the ``.tflite`` file, as readers of TensorFlow Lite Metadata expect them.

Two parts: a ``TFLITE_METADATA`` entry in the model, whose buffer is a flatbuffer of its own that describes input and
output, and ``labels.txt`` in a ZIP appended to the file. https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import flatbuffers  # type: ignore[import-untyped]

from edge_asl.errors import QuantizationError
from edge_asl.tflite.graph import Graph, load_model, read_graphs
from edge_asl.tflite.serialisation import serialise
from edge_asl_device.contract.manifest import LABELS

ENTRY = b"TFLITE_METADATA"
IDENTIFIER = b"M001"

# Tables and unions of metadata_schema.fbs 1.1.0 (tensorflow/tflite-support, commit 02e5df0): a field's slot is its
# position in the table; a union takes two, its type first.
_RGB = 1
_TENSOR_AXIS_LABELS = 2
_CONTENT_IS_IMAGE = 2
_OPTIONS_ARE_NORMALIZATION = 1
_PARSER = "1.0.0"  # the oldest parser that knows all of this

# The graph wants (pixel − 128) / 128; quantized with scale 1/128 that is pixel − 128.
_MEAN = 128.0
_DEVIATION = 128.0


def embed_labels(model: bytes, labels: Sequence[str], name: str, description: str) -> bytes:
    """Add metadata and labels to a model, whose outputs stay the same to the bit. Deterministic.

    ``model`` has one picture input and one output of ``len(labels)`` classes, in the labels' order. Existing metadata
    of this kind and an existing ZIP are replaced.

    Raises:
        QuantizationError: not a TensorFlow Lite model, or one for other labels.
    """
    unpacked = load_model(model, name)
    graph = read_graphs(unpacked, name)[0]
    _check(graph, labels, name)
    _set_entry(unpacked, model_metadata(graph, name, description))
    return _append_zip(serialise(unpacked), LABELS, "".join(f"{label}\n" for label in labels))


def model_metadata(graph: Graph, name: str, description: str) -> bytes:
    """The ``ModelMetadata`` flatbuffer for a classifier of RGB pictures (identifier M001)."""
    _, height, width, _ = graph.inputs[0].shape
    image = {0: ("Int8", _RGB), 1: {0: ("Uint32", width), 1: ("Uint32", height)}}
    input_tensor = {
        0: "image",
        1: "The hand, cut out as a square, RGB.",
        3: {0: ("Uint8", _CONTENT_IS_IMAGE), 1: image},
        4: [{0: ("Uint8", _OPTIONS_ARE_NORMALIZATION), 1: {0: [_MEAN], 1: [_DEVIATION]}}],
        5: {0: [(255 - _MEAN) / _DEVIATION], 1: [-_MEAN / _DEVIATION]},
    }
    labels = {0: LABELS, 1: "The signs, in the order of the output.", 2: ("Int8", _TENSOR_AXIS_LABELS)}
    output_tensor = {0: "probability", 1: "The probability of each sign.", 5: {0: [1.0], 1: [0.0]}, 6: [labels]}
    b = flatbuffers.Builder(1024)
    root = {0: name, 1: description, 3: [{2: [input_tensor], 3: [output_tensor]}], 7: _PARSER}
    b.Finish(_write(b, root), file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _write(b: flatbuffers.Builder, value: Any) -> int:
    """Write a string, a list of floats or tables, or a table: slot → value, a scalar as (type, number); its offset."""
    if isinstance(value, str):
        return int(b.CreateString(value))
    if isinstance(value, list):
        floats = isinstance(value[0], float)
        items = value if floats else [_write(b, item) for item in value]
        b.StartVector(4, len(items), 4)
        for item in reversed(items):
            (b.PrependFloat32 if floats else b.PrependUOffsetTRelative)(item)
        return int(b.EndVector())
    offsets = {slot: _write(b, field) for slot, field in value.items() if not isinstance(field, tuple)}
    b.StartObject(max(value) + 1)
    for slot, field in value.items():
        if slot in offsets:
            b.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        else:
            getattr(b, f"Prepend{field[0]}Slot")(slot, field[1], 0)
    return int(b.EndObject())


def _set_entry(model: Any, metadata: bytes) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model.metadata = model.metadata or []
    for entry in model.metadata:
        if entry.name == ENTRY:
            model.buffers[entry.buffer] = schema.BufferT(data=metadata)
            return
    model.metadata.append(schema.MetadataT(name=ENTRY, buffer=len(model.buffers)))
    model.buffers.append(schema.BufferT(data=metadata))


def _append_zip(model: bytes, name: str, text: str) -> bytes:
    """Append a ZIP of one uncompressed file: readers map it into memory."""
    # The bytes must depend neither on the clock nor on the operating system.
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
        raise QuantizationError(f"{name}: expected one picture input and one output, found tensors of shapes {shapes}")
    classes = graph.outputs[0].shape[-1] if graph.outputs[0].shape else 0
    if classes != len(labels):
        raise QuantizationError(
            f"{name}: expected {classes} labels, as many as the model has outputs, found {len(labels)}"
        )
    for label in labels:
        if label.splitlines() != [label]:
            raise QuantizationError(f"{name}: expected labels of one line each, found {label!r}; rename the class")
