"""Reading models without running them, checked on freshly converted ones and on damaged ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tiny_build import edge_asl
from tiny_model import CLASSES, SIDE, TinyModels, tiny_models, write_tiny_bundle

from edge_asl.errors import QuantizationError
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.inspect import BundleFacts, contract_violations, format_facts, inspect_path, models_of
from edge_asl.tflite.operator_versions import minimum_runtime, version_key
from edge_asl_device.errors import BundleError

__all__ = ["tiny_models"]  # the fixture


def test_a_contract_model_keeps_the_contract(tiny_models: TinyModels):
    facts = model_facts(tiny_models.contract)

    assert contract_violations(facts, CLASSES) == []
    assert contract_violations(facts, None) == []
    assert facts.inputs[0].shape == (1, SIDE, SIDE, 3)
    assert (facts.inputs[0].scale, facts.inputs[0].zero_point) == (1 / 128, 0)
    assert (facts.outputs[0].scale, facts.outputs[0].zero_point) == (1 / 256, -128)
    assert facts.float_tensors == ()
    assert facts.size == tiny_models.contract.stat().st_size


def test_operators_are_counted_with_their_versions(tiny_models: TinyModels):
    """The counts that MobileNetV2 has at every width, found when this project measured its conversion."""
    facts = model_facts(tiny_models.contract)

    assert {(o.name, o.version): o.count for o in facts.operators} == {
        ("ADD", 2): 10,
        ("CONV_2D", 3): 35,
        ("DEPTHWISE_CONV_2D", 3): 17,
        ("FULLY_CONNECTED", 4): 1,
        ("MEAN", 2): 1,
        ("SOFTMAX", 2): 1,
    }
    assert facts.operator_versions["CONV_2D"] == 3
    assert facts.declared_runtime == facts.minimum_runtime == "1.14.0"
    assert facts.beyond_table == ()


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_arithmetic_agrees_with_pencil_and_paper(tiny_models: TinyModels, kind: str):
    """Three layers: a 3×3 convolution of stride 2 from 3 to 4 channels (valid: 23×23), mean, dense 4 to 5."""
    facts = model_facts(getattr(tiny_models, kind))

    assert facts.multiply_accumulates == 23 * 23 * 4 * (3 * 3 * 3) + 4 * 5
    # The dense layer's bias is still all zeros; the converter leaves it out.
    assert facts.parameters == (3 * 3 * 3 * 4 + 4) + 4 * 5


def test_a_departure_names_tensor_and_operator(tiny_models: TinyModels):
    found = contract_violations(model_facts(tiny_models.uint8), CLASSES)

    assert any("first read by QUANTIZE (operator 0): expected INT8, found UINT8" in line for line in found)
    assert any("made by QUANTIZE (operator 5): expected zero point -128, found 0" in line for line in found)


def test_floats_are_listed_with_the_operator_that_makes_them(tiny_models: TinyModels):
    facts = model_facts(tiny_models.float32)

    makers = {t.made_by for t in facts.float_tensors}
    assert {"model input", "constant of CONV_2D (operator 0)", "SOFTMAX (operator 3)"} <= makers
    assert any("CONV_2D (operator 0)" in line for line in contract_violations(facts, CLASSES))


def test_the_number_of_classes_is_part_of_the_contract(tiny_models: TinyModels):
    found = contract_violations(model_facts(tiny_models.contract), 29)

    assert len(found) == 1
    assert "SOFTMAX" in found[0]
    assert f"expected shape (1, 29), found (1, {CLASSES})" in found[0]


def test_a_bundle_adds_its_manifest(tiny_models: TinyModels, tmp_path: Path):
    facts = inspect_path(write_tiny_bundle(tmp_path / "bundle", tiny_models.contract))

    assert isinstance(facts, BundleFacts)
    assert facts.manifest.name == "tiny"
    text = format_facts(facts)
    assert "35 × CONV_2D v3" in text
    assert "accuracy 90.0% (95 % interval 82.0% to 94.0%) on test by signer: 100 pictures, 3 people" in text


def test_facts_survive_json(tiny_models: TinyModels):
    facts = model_facts(tiny_models.uint8)

    assert msgspec.json.decode(msgspec.json.encode(facts), type=ModelFacts) == facts


def test_many_floats_do_not_scroll_by(tiny_models: TinyModels):
    facts = model_facts(tiny_models.float32)
    many = msgspec.structs.replace(facts, float_tensors=facts.float_tensors[:1] * 65)

    lines = [line for line in format_facts(many).splitlines() if line.startswith("float")]
    assert len(lines) == 11
    assert lines[-1] == "float   55 more tensors; --json lists them"


def test_an_appended_zip_does_not_matter(tiny_models: TinyModels, tmp_path: Path):
    longer = tmp_path / "longer.tflite"
    longer.write_bytes(tiny_models.contract.read_bytes() + b"PK\x05\x06" + bytes(18))

    before, after = model_facts(tiny_models.contract), model_facts(longer)
    assert msgspec.structs.replace(after, path=before.path, size=before.size) == before


def test_every_truncation_is_one_line(tiny_models: TinyModels, tmp_path: Path):
    whole = tiny_models.uint8.read_bytes()
    path = tmp_path / "cut.tflite"
    for length in [*range(0, 64, 4), *range(64, len(whole) - 64, 97)]:
        path.write_bytes(whole[:length])
        with pytest.raises(QuantizationError, match=r"cut\.tflite: expected .*, found .*; copy or build") as caught:
            model_facts(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "b'' in 0 bytes; copy or build it again"),
        (b"PK\x03\x04 a zip", "a ZIP archive; unpack it"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "b"),
        (b"<!DOCTYPE html><title>Sign in</title>", r"a web page \('Sign in'\); download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer instead of the file; run git lfs pull"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, content: bytes, found: str):
    path = tmp_path / "other.tflite"
    path.write_bytes(content)

    expected = rf"expected a TensorFlow Lite model \(TFL3 at bytes 4 to 8\), found {found}"
    with pytest.raises(QuantizationError, match=expected):
        model_facts(path)


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(BundleError, match="cannot be read: No such file or directory"):
        inspect_path(tmp_path / "none.tflite")


def test_the_models_of_a_bundle_or_a_file(tiny_models: TinyModels, tmp_path: Path):
    bundle = inspect_path(write_tiny_bundle(tmp_path / "bundle", tiny_models.contract))

    assert isinstance(bundle, BundleFacts)
    assert list(bundle.models) == ["sign"]
    assert models_of(bundle) == (bundle.models["sign"],)
    assert models_of(model_facts(tiny_models.uint8)) == (model_facts(tiny_models.uint8),)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        inspect_path(tmp_path)


def test_every_model_of_a_bundle_is_listed(hand_bundle: Path):
    facts = inspect_path(hand_bundle)

    assert isinstance(facts, BundleFacts)
    assert list(facts.models) == ["palms", "landmarks", "sign"]
    assert [tensor.shape for tensor in facts.models["palms"].outputs] == [(1, 2016, 18), (1, 2016, 1)]
    text = format_facts(facts)
    assert "format 2, 3 models, TensorFlow Lite 1.14.0 or later" in text
    assert all(f"/{name}.tflite: 0.0" in text for name in ("palms", "landmarks", "model"))
    assert text.count("no floating-point tensor") == 3
    assert json.loads(msgspec.json.encode(facts))["models"]["sign"]["outputs"][0]["shape"] == [1, 5]


def test_the_runtime_of_a_bundle_is_the_newest_that_a_model_needs(hand_bundle: Path):
    facts = inspect_path(hand_bundle)
    assert isinstance(facts, BundleFacts)
    needy = {name: msgspec.structs.replace(model, minimum_runtime="2.9.0") for name, model in facts.models.items()}
    needy["palms"] = msgspec.structs.replace(needy["palms"], minimum_runtime="2.10.0")

    assert "TensorFlow Lite 2.10.0 or later" in format_facts(msgspec.structs.replace(facts, models=needy))


def test_each_model_is_mapped_by_itself(hand_bundle: Path):
    run = edge_asl("inspect", hand_bundle, "--edgetpu")

    assert run.returncode == 0, run.stderr
    found = [line.partition(": Edge TPU: ")[0] for line in run.stdout.splitlines() if ": Edge TPU: " in line]
    assert found == ["palms.tflite", "landmarks.tflite", "model.tflite"]


def test_runtimes_come_from_the_table_and_compare_as_numbers():
    assert minimum_runtime("CONV_2D", 5) == "2.4.0"
    assert minimum_runtime("FULLY_CONNECTED", 12) is None
    assert minimum_runtime("CONV_2D", 0) is None
    assert version_key("2.10.0") > version_key("2.9.0")


def test_no_tensorflow_is_imported(tiny_models: TinyModels):
    code = (
        "import sys; from pathlib import Path; from edge_asl.tflite.facts import model_facts\n"
        "assert 'ai_edge_litert' not in sys.modules, 'imported before it is needed'\n"
        "model_facts(Path(sys.argv[1]))\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tiny_models.contract)], check=True, timeout=60)
