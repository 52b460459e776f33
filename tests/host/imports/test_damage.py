"""Weights and models that are something else: seen before anything is built, in words that say what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_asl.errors import ModelError, TrainingError
from edge_asl.imports.damage import hdf5_damage
from edge_asl.imports.keras_files import read_config
from edge_asl.training.weights import check_weights

h5py = pytest.importorskip("h5py")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        file["layer/weights"] = [[1.0] * 100] * 100
    return path


def test_whole_weights_are_taken(whole: Path):
    check_weights(str(whole))
    check_weights("imagenet")
    check_weights("none")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file; download it again"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page ('Sign in'); download it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer instead of the file; run git lfs pull"),
        (b"\x1c\0\0\0TFL3" + bytes(50), "a TensorFlow Lite model, which cannot be trained further"),
        (b"\x1f\x8b\x08" + bytes(50), "a compressed archive; unpack it"),
        (b"\x1b[2J\n\xff", "a file that begins '\\x1b[2J\\nÿ'; name a weights or model file"),
    ],
)
def test_what_is_no_hdf5_is_named(tmp_path: Path, content: bytes, found: str):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(TrainingError) as raised:
        check_weights(str(path))
    with pytest.raises(ModelError) as model:
        read_config(path)

    assert str(raised.value).startswith(f"{path}: expected weights in an HDF5 file, found {found}")
    assert str(model.value).startswith(f"{path}: expected a Keras model, found {found}")


def test_half_a_download(whole: Path):
    size = whole.stat().st_size
    whole.write_bytes(whole.read_bytes()[: size // 2])

    found = f"a file that was cut short, {size // 2} of {size} bytes; download or copy it again"
    assert hdf5_damage(whole) == found
    with pytest.raises(TrainingError, match=found):
        check_weights(str(whole))
