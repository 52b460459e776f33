"""Files as Coral's compiler writes them. Google's compiler cannot be had here, so the file is put together from its
parts as libedgetpu reads them (tflite/custom_op_data.cc, executable/executable.fbs): a custom operator whose options
are a flexbuffer with the package. Whether a bundle with such a file is deployed: tests/data/plans.
"""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from edge_asl.errors import ModelError
from edge_asl.imports.found import find_model
from edge_asl.imports.tflite_file import check_tflite
from edge_asl.tflite.edgetpu import edgetpu_mapping, format_mapping
from edge_asl.tflite.facts import model_facts
from edge_asl.tflite.inspect import format_facts
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.errors import RuntimeMissing
from edge_asl_device.inference.engine import RUNTIMES, TfliteEngine, load_runtime

DATA = Path(__file__).parents[2] / "data"
MODEL = DATA / "bundle-v1" / "model.tflite"


def package(compiler: str, runtime: int) -> bytes:
    """``Package`` of executable.fbs, with its identifier."""
    b = flatbuffers.Builder(0)
    code, version = b.CreateByteVector(bytes(300)), b.CreateString(compiler)
    b.StartObject(8)
    b.PrependInt32Slot(0, runtime, 0)
    b.PrependUOffsetTRelativeSlot(1, code, 0)
    if compiler:
        b.PrependUOffsetTRelativeSlot(4, version, 0)
    b.Finish(b.EndObject(), file_identifier=b"DWN1")
    return bytes(b.Output())


def options(executable: bytes) -> bytes:
    """A flexbuffer map as ``SerializeCustomOpData`` makes it."""
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("1")
        builder.Int(1)
        builder.Key("4")
        builder.Blob(executable)
        builder.Key("5")
        builder.Int(0)
    return bytes(builder.Finish())


def compiled(path: Path, data: bytes, keep: int = 0) -> Path:
    """The golden model with all but the last ``keep`` operators in one for the Edge TPU."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(MODEL.read_bytes()), 0)
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.customCode, code.version = "edgetpu-custom-op", 1
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes.append(code)
    rest = graph.operators[len(graph.operators) - keep :]
    part = schema.OperatorT()
    part.opcodeIndex, part.customOptions = len(model.operatorCodes) - 1, list(data)
    part.inputs, part.outputs = list(graph.inputs), [rest[0].inputs[0]] if keep else list(graph.outputs)
    graph.operators = [part, *rest]
    b = flatbuffers.Builder(1 << 20)
    b.Finish(model.Pack(b), b"TFL3")
    path.write_bytes(bytes(b.Output()))
    return path


WHOLE = options(package("16.0.384591198", 14))


def test_a_file_that_is_compiled_as_a_whole(tmp_path: Path):
    path = compiled(tmp_path / "model_edgetpu.tflite", WHOLE)
    text = format_facts(model_facts(path))

    assert f"{path}: " in text
    assert "MB, compiled for the Edge TPU by edgetpu_compiler 16.0.384591198\n" in text
    assert "runs only with a Coral and the Edge TPU runtime (libedgetpu) 14 or later\n" in text
    assert "1 compiled part runs on the Edge TPU; on the CPU: nothing\n" in text
    assert "unknown" not in text
    assert "multiply" not in text
    mapping = edgetpu_mapping(path)
    assert [o.maps for o in mapping] == [True]
    assert format_mapping(mapping).startswith("Edge TPU: compiled for it already: 1 compiled part runs on it, 0 operat")
    assert "predicted" not in format_mapping(mapping)


def test_what_is_left_on_the_processor_is_named(tmp_path: Path):
    path = compiled(tmp_path / "model_edgetpu.tflite", WHOLE, keep=2)
    text = format_facts(model_facts(path))

    assert "1 compiled part runs on the Edge TPU; on the CPU: 1 × FULLY_CONNECTED, 1 × SOFTMAX\n" in text
    assert "for these, TensorFlow Lite 1.14.0 or later\n" in text
    assert [o.maps for o in edgetpu_mapping(path)] == [True, False, False]
    assert "1 × SOFTMAX: left on the CPU when the model was compiled" in format_mapping(edgetpu_mapping(path))


@pytest.mark.parametrize(
    "data",
    [b"", b"text", options(b""), options(package("", 0)), WHOLE[: WHOLE.find(b"DWN1") + 6], b"DWN1" + b"\xff" * 9],
    ids=["empty", "text", "no package", "no version", "cut", "wild"],
)  # fmt: skip
def test_a_package_that_tells_nothing(tmp_path: Path, data: bytes):
    facts = model_facts(compiled(tmp_path / "model_edgetpu.tflite", data))

    assert facts.edgetpu is not None
    assert facts.edgetpu.compiler is None
    assert "by edgetpu_compiler (version not in the file)" in format_facts(facts)


def test_a_hostile_version_is_one_short_line(tmp_path: Path):
    data = options(package("16\n\x1b[2J" + "x" * 500, 14))
    facts = model_facts(compiled(tmp_path / "model_edgetpu.tflite", data))

    assert facts.edgetpu is not None
    assert facts.edgetpu.compiler is not None
    assert facts.edgetpu.compiler.startswith("16\\n\\x1b[2Jxx")
    assert len(facts.edgetpu.compiler) == 60


def test_it_cannot_be_imported(tmp_path: Path):
    path = compiled(tmp_path / "model_edgetpu.tflite", WHOLE)
    with pytest.raises(ModelError, match=r"compiled for the Edge TPU, .*; import the \.tflite file that was compiled"):
        check_tflite(find_model(path, tmp_path / "unpacked"))


def test_a_runtime_without_a_coral_says_so(tmp_path: Path):
    spec = read_bundle(DATA / "bundle-v1").spec("sign")
    content = compiled(tmp_path / "model_edgetpu.tflite", WHOLE).read_bytes()
    runtime, _ = load_runtime("litert")
    with pytest.raises(RuntimeMissing) as raised:
        TfliteEngine(spec, content, runtime)

    assert (
        f"{RUNTIMES[runtime].distribution} cannot run this model: it is compiled for the Edge TPU and runs only"
        in str(raised.value)
    )
