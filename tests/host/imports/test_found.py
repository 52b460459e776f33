"""What lies at a path that somebody wants to import; all without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from tiny_model import TinyModels, tiny_models

from edge_asl.errors import ModelError
from edge_asl.imports.found import find_model, is_model
from edge_asl.imports.keras_files import check_no_code, parts_of, read_config, readable_h5, rescales
from edge_asl.imports.tflite_file import check_tflite
from edge_asl_device.files import sha256_of

__all__ = ["tiny_models"]

TEACHABLE_MACHINE = Path(__file__).parents[2] / "data" / "teachable-machine.json"


def find(path: Path, tmp: Path) -> tuple[str, str]:
    found = find_model(path, tmp / "unpacked")
    return found.kind, found.path.name


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["keras_model.h5", "labels.txt"], ("Teachable Machine", "keras_model.h5")),
        (["model_unquant.tflite", "labels.txt"], ("TensorFlow Lite", "model_unquant.tflite")),
        (["converted_keras/keras_model.h5", "__MACOSX/x"], ("Teachable Machine", "keras_model.h5")),
        (["best.keras", "notes.txt"], ("Keras", "best.keras")),
        (["model.json", "model.weights.h5"], ("Keras architecture and weights", "model.json")),
        (["mine/saved_model.pb", "mine/variables/variables.index"], ("SavedModel", "mine")),
    ],
)
def test_folders_and_archives_hold_one_model(tmp_path: Path, names: list[str], found: tuple[str, str]):
    assert find(filled(tmp_path / "folder", *names), tmp_path) == found
    assert find(zipped(tmp_path / "archive.zip", *names), tmp_path) == found


def test_a_folder_of_a_model_is_no_bundle(tmp_path: Path):
    for name in ("model.keras", "keras_model.h5", "saved_model.pb"):
        assert is_model(filled(tmp_path / name, name).joinpath(name).parent)
    assert not is_model(filled(tmp_path / "bundle", "manifest.json", "model.tflite"))
    assert not is_model(filled(tmp_path / "pictures", "A/1.jpg"))


def test_labels_beside_the_model_are_found_and_an_archive_is_known_by_its_own_hash(tmp_path: Path):
    archive = zipped(tmp_path / "converted_keras.zip", "keras_model.h5", "labels.txt")
    source = find_model(archive, tmp_path / "unpacked")

    assert (source.given, source.sha256) == (archive, sha256_of(archive))
    assert source.labels is not None
    assert source.labels.read_text() == "labels.txt"


def test_a_folder_is_known_by_all_that_is_loaded_of_it(tmp_path: Path):
    folder = filled(tmp_path / "saved", "saved_model.pb", "variables/v.index")
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in ("saved_model.pb", "variables/v.index")]

    assert find_model(folder, tmp_path / "u").sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    (folder / "variables" / "v.index").write_text("changed")
    assert find_model(folder, tmp_path / "u").sha256 != hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.keras", "b.h5"], "expected one model, found a.keras, b.h5; name one of them"),
        (["readme.txt"], "expected one model, found none; expected a .keras, .h5 or .tflite file"),
        (["model.json", "weights.bin", "metadata.json"], "a TensorFlow.js model, which cannot be read here"),
        (["only.weights.h5"], "weights without an architecture"),
        (["../outside.keras"], "holds paths that lead outside the archive; do not trust it"),
    ],
)
def test_archives_without_one_model_are_refused(tmp_path: Path, names: list[str], words: str):
    with pytest.raises(ModelError, match=words.replace(".", r"\.")):
        find(zipped(tmp_path / "archive.zip", *names), tmp_path)
    assert not (tmp_path / "outside.keras").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.pkl", "a pickle runs code when it is read, and is never read here"),
        ("model.pt", "has to be rebuilt in Keras or exported to a SavedModel first"),
        ("model.onnx", "convert it to a SavedModel or to Keras first"),
        ("torn.zip", "not a whole .zip file"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path: Path, name: str, words: str):
    with pytest.raises(ModelError, match=words):
        find(filled(tmp_path, name) / name, tmp_path)
    with pytest.raises(ModelError, match="no such model; check the path"):
        find(tmp_path / "other" / name, tmp_path)


def test_tflite_files_that_break_the_contract_are_refused(tiny_models: TinyModels, tmp_path: Path):
    assert check_tflite(find_model(tiny_models.contract, tmp_path)).outputs[0].shape == (1, 5)
    with pytest.raises(ModelError, match="a floating-point model, and full int8 needs its network; import the Keras"):
        check_tflite(find_model(tiny_models.float32, tmp_path))
    with pytest.raises(ModelError, match=r"quantized with uint8 at its ends, a bundle needs int8.*; import the Keras"):
        check_tflite(find_model(tiny_models.uint8, tmp_path))


def test_what_keras_2_wrote_is_put_right(tmp_path: Path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "keras_model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = TEACHABLE_MACHINE.read_text(), "2.4.0"

    right = read_config(readable_h5(path, tmp_path / "copy.h5"))

    depthwise = [part["config"] for part in parts_of(right) if part["class_name"] == "DepthwiseConv2D"]
    assert len(depthwise) == 3
    assert not any("groups" in settings for settings in depthwise)
    (body,) = [part["config"] for part in parts_of(right) if part["class_name"] == "Functional"]
    assert (body["input_layers"], body["output_layers"]) == (["input_1", 0, 0], ["depthwise_relu_2", 0, 0])
    assert "groups" in path.read_bytes().decode("latin-1")  # the user's own file is as it was
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "3.5.0"
    assert readable_h5(path, tmp_path / "copy.h5") == path


def test_keras_files_that_cannot_be_read_are_refused(tmp_path: Path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_group("layers")
    with pytest.raises(ModelError, match="it holds weights but no architecture; save it again"):
        read_config(tmp_path / "weights.h5")
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
    with pytest.raises(ModelError, match=r"written by Keras 2\.15\.0; load it there and save it as \.h5"):
        read_config(tmp_path / "old.keras")
    (tmp_path / "torn.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"expected a Keras model, found a \.keras file that was cut short"):
        read_config(tmp_path / "torn.keras")


def test_code_in_an_architecture_is_found_wherever_it_hides(tmp_path: Path):
    config = json.loads(TEACHABLE_MACHINE.read_text())
    check_no_code(tmp_path, config)
    assert not rescales(config)
    assert not rescales({"class_name": "Normalization"})  # may have been adapted to pixels of 0 to 1
    body = next(part for part in parts_of(config) if part["class_name"] == "Functional")

    body["config"]["layers"].append({"class_name": "Rescaling", "config": {}})
    assert rescales(config)
    body["config"]["layers"].append({"class_name": "Lambda", "config": {"function": ["4wEAAAA="]}})
    with pytest.raises(ModelError, match="holds a Lambda layer, code that is never run here"):
        check_no_code(tmp_path, config)
    body["config"]["layers"][-1] = {"class_name": "Swish", "module": "mine.layers", "config": {}}
    with pytest.raises(ModelError, match="holds Swish, which is not part of Keras"):
        check_no_code(tmp_path, config)
