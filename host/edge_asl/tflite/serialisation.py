"""A model's flatbuffer as bytes, its weights aligned."""

from __future__ import annotations

from typing import Any

import flatbuffers  # type: ignore[import-untyped]

from edge_asl.tflite.graph import IDENTIFIER

# schema.fbs asks for 16 (Buffer.data, force_align): kernels load weights with vector instructions.
_ALIGNMENT = 16


class _AlignedBuffer:
    """A schema ``Buffer`` that aligns its bytes, which the generated ``BufferT.Pack`` does not."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def Pack(self, b: flatbuffers.Builder) -> int:  # noqa: N802 - called by the generated ModelT.Pack
        b.StartVector(1, len(self.data), _ALIGNMENT)
        b.head -= len(self.data)
        b.Bytes[b.head : b.head + len(self.data)] = self.data
        data = b.EndVector()
        b.StartObject(3)
        b.PrependUOffsetTRelativeSlot(0, data, 0)
        return int(b.EndObject())


def serialise(model: Any) -> bytes:
    """The bytes of a ``schema_py_generated.ModelT``. Deterministic; ``model`` must not be used afterwards."""
    model.buffers = [buffer if buffer.data is None else _AlignedBuffer(bytes(buffer.data)) for buffer in model.buffers]
    b = flatbuffers.Builder(1 << 20)
    b.Finish(model.Pack(b), file_identifier=IDENTIFIER)
    return bytes(b.Output())
