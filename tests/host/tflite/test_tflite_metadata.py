"""Labels in the model: readable by others, and without effect on what it computes."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from tiny_model import TINY_LABELS, TinyModels, tiny_models

from edge_asl.errors import QuantizationError
from edge_asl.tflite.facts import model_facts
from edge_asl.tflite.graph import load_model
from edge_asl.tflite.metadata import embed_labels

__all__ = ["tiny_models"]  # the fixture


@pytest.fixture
def embedded(tiny_models: TinyModels, tmp_path: Path) -> Path:
    path = tmp_path / "embedded.tflite"
    path.write_bytes(embed_labels(tiny_models.contract.read_bytes(), TINY_LABELS, "asl-letters", "Reads signs."))
    return path


def test_labels_come_back(embedded: Path):
    with zipfile.ZipFile(embedded) as archive:
        assert tuple(archive.read("labels.txt").decode().splitlines()) == TINY_LABELS


def test_the_zip_is_what_metadata_readers_expect(embedded: Path):
    with zipfile.ZipFile(embedded) as archive:
        (entry,) = archive.infolist()
        assert archive.testzip() is None
    assert entry.filename == "labels.txt"
    assert entry.compress_type == zipfile.ZIP_STORED


def test_bytes_are_the_same_every_time_and_when_repeated(tiny_models: TinyModels, embedded: Path):
    again = embed_labels(tiny_models.contract.read_bytes(), TINY_LABELS, "asl-letters", "Reads signs.")
    onto_itself = embed_labels(embedded.read_bytes(), TINY_LABELS, "asl-letters", "Reads signs.")

    assert again == onto_itself == embedded.read_bytes()


def test_the_model_is_otherwise_the_same(tiny_models: TinyModels, embedded: Path):
    before, after = model_facts(tiny_models.contract), model_facts(embedded)

    assert after.metadata == (*before.metadata, "TFLITE_METADATA")
    assert (after.operators, after.inputs, after.outputs) == (before.operators, before.inputs, before.outputs)
    assert (after.parameters, after.declared_runtime) == (before.parameters, before.declared_runtime)


@pytest.mark.parametrize("runtime", ["ai_edge_litert", "tflite_runtime"])
def test_outputs_stay_the_same_to_the_bit(tiny_models: TinyModels, embedded: Path, runtime: str):
    pytest.importorskip(runtime)
    before, after = (_outputs(runtime, path) for path in (tiny_models.contract, embedded))

    assert before == after
    assert len(set(before.split())) > 1, "the pictures differ, so the answers must"


def test_weights_are_aligned_for_vector_instructions(embedded: Path):
    """schema.fbs: ``data:[ubyte] (force_align: 16)``."""
    data = embedded.read_bytes()
    base = np.frombuffer(data, np.uint8).ctypes.data
    positions = [b.data.ctypes.data - base for b in load_model(data, "").buffers if b.data is not None]

    assert len(positions) > 50
    assert [position for position in positions if position % 16] == []


def test_the_metadata_says_what_the_schema_says(embedded: Path):
    """Read field by field with the flatbuffers library: numbers are positions in metadata_schema.fbs's tables.

    TensorFlow's own reader (tflite-support 0.4.4, MetadataDisplayer) was seen to read the same.
    """
    model = load_model(embedded.read_bytes(), "")
    (entry,) = (e for e in model.metadata if e.name == b"TFLITE_METADATA")
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    root = _Table.root(data)

    assert (root.text(0), root.text(1), root.text(7)) == ("asl-letters", "Reads signs.", "1.0.0")
    (subgraph,) = root.tables(3)
    (image,), (probability,) = subgraph.tables(2), subgraph.tables(3)
    content = image.table(3)
    assert content.byte(0) == 2, "ContentProperties.ImageProperties"
    assert content.table(1).byte(0) == 1, "ColorSpaceType.RGB"
    (unit,) = image.tables(4)
    assert unit.byte(0) == 1, "ProcessUnitOptions.NormalizationOptions"
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([128.0], [128.0])
    (file,) = probability.tables(6)
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2), "AssociatedFileType.TENSOR_AXIS_LABELS"


@pytest.mark.parametrize("labels", [("A", "B"), ("A", "B", "C", "D", "two\nlines"), ("A", "B", "C", "D", "")])
def test_labels_that_do_not_fit_are_refused(tiny_models: TinyModels, labels: tuple[str, ...]):
    with pytest.raises(QuantizationError, match=r"tiny: expected .*labels.*, found"):
        embed_labels(tiny_models.contract.read_bytes(), labels, "tiny", "")


def _outputs(runtime: str, path: Path) -> str:
    """Hexadecimal outputs for three pictures, one a line; two runtimes in one process clash."""
    code = f"""
import sys
import numpy as np
from {runtime}.interpreter import Interpreter
model = Interpreter(sys.argv[1], num_threads=1)
model.allocate_tensors()
(i,), (o,) = model.get_input_details(), model.get_output_details()
random = np.random.default_rng(3)
for _ in range(3):
    model.set_tensor(i["index"], random.integers(-128, 128, i["shape"], dtype=np.int8))
    model.invoke()
    print(model.get_tensor(o["index"]).tobytes().hex())
"""
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


class _Table:
    """A flatbuffers table, by field number."""

    def __init__(self, table: flatbuffers.table.Table) -> None:
        self._table = table

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(flatbuffers.table.Table(data, int.from_bytes(data[:4], "little")))

    def _place(self, field: int) -> int:
        offset = self._table.Offset(4 + 2 * field)
        assert offset, f"field {field} is not set"
        return self._table.Pos + offset

    def text(self, field: int) -> str:
        return self._table.String(self._place(field)).decode()

    def byte(self, field: int) -> int:
        return self._table.Bytes[self._place(field)]

    def table(self, field: int) -> _Table:
        return _Table(flatbuffers.table.Table(self._table.Bytes, self._table.Indirect(self._place(field))))

    def tables(self, field: int) -> list[_Table]:
        offset = self._place(field) - self._table.Pos
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        tables = [self._table.Indirect(start + 4 * i) for i in range(count)]
        return [_Table(flatbuffers.table.Table(self._table.Bytes, start)) for start in tables]

    def floats(self, field: int) -> list[float]:
        offset = self._place(field) - self._table.Pos
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        return [self._table.Get(flatbuffers.number_types.Float32Flags, start + 4 * i) for i in range(count)]
