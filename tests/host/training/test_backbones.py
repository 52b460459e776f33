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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the child process writes."""
    return tmp_path_factory.mktemp("backbones")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, dict[str, Any]]:
    """Backbone → what the child process saw."""
    environment = os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    read: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return read


@pytest.fixture(scope="module")
def kept(folder: Path, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Where outputs of frozen layers may be kept → what came back of them."""
    read: dict[str, dict[str, Any]] = json.loads((folder / "kept.json").read_text())
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


@pytest.mark.parametrize("room", ["memory", "files", "both"])
def test_outputs_of_frozen_layers_come_back_as_they_were(kept: dict[str, dict[str, Any]], room: str):
    files = {"memory": [], "files": ["plain.f16", "variant0.f16"], "both": ["variant0.f16"]}
    assert kept[room] == {"away": {"plain": 0, "variant0": 0}, "files": files[room]}


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


def kept_in(room: int, folder: Path) -> dict[str, Any]:
    """What comes back of a frozen prefix's outputs if so many bytes of them may be kept in memory."""
    import keras
    import numpy as np

    from edge_asl.progress import Quiet
    from edge_asl.training.prefix import FrozenFeatures

    prefix = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, strides=2)])
    source = Numbers()
    features = FrozenFeatures(source, prefix, folder, 1, Quiet(), lambda rows, compute: compute(rows), room)
    rows = np.random.default_rng(2).permutation(ROWS)
    away = {}
    for name, epoch in (("plain", None), ("variant0", 3)):
        features.prepare(rows, epoch)
        features.prepare(rows, epoch)
        chosen = rows[::-2]
        read = features.plain(chosen) if epoch is None else features.augmented(chosen, epoch)
        inputs = source.plain(chosen) if epoch is None else source.augmented(chosen, 0)
        away[name] = float(np.abs(prefix(inputs).numpy().astype(np.float16) - read).max())
    return {"away": away, "files": sorted(path.name for path in folder.iterdir())}


ROWS = 150
ROOMS = {"memory": 2 * ROWS * 3 * 3 * 4 * 2, "files": 0, "both": ROWS * 3 * 3 * 4 * 2}


class Numbers:
    """A network's inputs, made from a row's number."""

    shape, dtype = (8, 8, 3), None

    @property
    def classes(self) -> Any:
        import numpy as np

        return np.zeros(ROWS, np.int32)

    def plain(self, rows: Any) -> Any:
        return self.augmented(rows, 9)

    def augmented(self, rows: Any, epoch: int) -> Any:
        import numpy as np

        return np.stack([np.random.default_rng((epoch, row)).random(self.shape, np.float32) for row in rows])


if __name__ == "__main__":
    kept = {}
    for room, size in ROOMS.items():
        (scratch := Path(sys.argv[1]) / room).mkdir()
        kept[room] = kept_in(size, scratch)
    Path(sys.argv[1], "kept.json").write_text(json.dumps(kept))
    results = {name: look_at(name, Path(sys.argv[1])) for name in BACKBONES}
    Path(sys.argv[1], "found.json").write_text(json.dumps(results))
