"""Every backbone of the table: built, cut, its pixels scaled as Keras scales them, its weights loaded from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_build import QUIET

from edge_asl.recipes.backbones import BACKBONES

SIZES = {"alexnet": 224}
SMALLEST = 32


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Backbone → what the child process saw."""
    folder = tmp_path_factory.mktemp("backbones")
    environment = os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    read: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return read


def test_every_backbone_gives_probabilities(found: dict[str, dict[str, Any]]):
    assert set(found) == set(BACKBONES)
    for name, one in found.items():
        assert one["shape"] == [2, 5], name
        assert one["sums"] == pytest.approx([1, 1], abs=1e-5), name


def test_pixels_are_scaled_as_keras_scales_them(found: dict[str, dict[str, Any]]):
    """A MobileNet's x / 127.5 − 1 is the input itself, 0.4 % away."""
    for name, one in found.items():
        assert one["scaled"] < (0.008 if BACKBONES[name].pixels == "tf" else 1e-3 * one["largest"]), name


def test_a_cut_network_answers_as_the_whole(found: dict[str, dict[str, Any]]):
    for name, one in found.items():
        assert one["cut"] < 1e-5, name
        assert one["tail"] < one["whole"], name


def test_a_file_of_weights_is_loaded_and_another_backbones_refused(found: dict[str, dict[str, Any]]):
    for name, one in found.items():
        if BACKBONES[name].imagenet:
            assert one["loaded"], name
            assert "without its top" in one["refused"], name
            assert "\n" not in one["refused"], name
        else:
            assert "no imagenet weights; give --weights none" in one["refused"]


# What follows runs in the child.


def look_at(name: str, folder: Path) -> dict[str, Any]:
    """Build one backbone's network, and compare it with Keras and with itself."""
    import keras
    import numpy as np

    from edge_asl.errors import EdgeAslError
    from edge_asl.recipes.recipe import Model
    from edge_asl.training.backbone import backbone_of, before_backbone, build_network
    from edge_asl.training.prefix import cut

    model = Model(backbone=name, size=SIZES.get(name, SMALLEST), alpha=0.25 if BACKBONES[name].widths else None)
    network = build_network(model, 5, "none")
    pixels = np.random.default_rng(1).integers(0, 256, (2, model.size, model.size, 3)).astype(np.float32)
    inputs = (pixels - 128) / 128
    answers = network(inputs, training=False).numpy()
    scaled = inputs
    for layer in before_backbone(network):
        scaled = np.asarray(layer(scaled))
    mode = BACKBONES[name].pixels
    wanted = (
        pixels if mode == "raw" else keras.src.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=mode)
    )
    half = cut(network, 5)
    again = half.tail(half.prefix(inputs, training=False), training=False).numpy()
    seen = {
        "shape": answers.shape,
        "sums": answers.sum(axis=1).tolist(),
        "scaled": float(np.abs(scaled - wanted).max()),
        "largest": float(np.abs(wanted).max()),
        "cut": float(np.abs(again - answers).max()),
        "tail": half.tail.count_params(),
        "whole": network.count_params(),
    }
    path = folder / f"{name}.weights.h5"
    if BACKBONES[name].imagenet:
        backbone_of(network).save_weights(path)
        other = build_network(model, 5, str(path))
        pairs = zip(backbone_of(other).get_weights(), backbone_of(network).get_weights(), strict=True)
        seen["loaded"] = all(np.array_equal(*pair) for pair in pairs)
        other = Model(backbone="vgg16" if name != "vgg16" else "mobilenet", size=SMALLEST)
    try:
        build_network(other if BACKBONES[name].imagenet else model, 5, str(path) if path.exists() else "imagenet")
    except EdgeAslError as error:
        seen["refused"] = str(error)
    path.unlink(missing_ok=True)
    return seen


if __name__ == "__main__":
    results = {name: look_at(name, Path(sys.argv[1])) for name in BACKBONES}
    Path(sys.argv[1], "found.json").write_text(json.dumps(results))
