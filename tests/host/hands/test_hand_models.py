"""The steps from a float16 model to an int8 one, on a small network with the same peculiarities."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError, PlatformError, QuantizationError
from edge_asl.hands.calibration import choose_pictures
from edge_asl.hands.check import violations
from edge_asl.hands.originals import ORIGINALS, keep_originals, originals
from edge_asl.hands.quantize import quantize_network
from edge_asl.hands.ranges import Range, measure_ranges, with_fixed
from edge_asl.hands.surgery import (
    drop_unused,
    fold_float16,
    keep_rows,
    make_names_unique,
    maker,
    set_boundary,
)
from edge_asl.progress import Quiet
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.graph import load_model
from edge_asl.tflite.serialisation import serialise

SIDE = 32


@pytest.fixture(scope="module")
def float16_network() -> bytes:
    """Convolutions, a residual, PRELU with slopes beyond ±1, a mean and dense layers; weights in float16."""
    from edge_asl.training.quiet import keras, tf

    keras.utils.set_random_seed(3)
    picture = keras.Input(batch_shape=(1, SIDE, SIDE, 3))
    slopes = keras.initializers.RandomUniform(-1.5, 3.0, seed=1)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(picture)
    x = keras.layers.PReLU(slopes, shared_axes=[1, 2])(x)
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.PReLU(slopes, shared_axes=[1, 2])(keras.layers.Add()([x, y]))
    means = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(picture, [keras.layers.Dense(6)(means), keras.layers.Dense(2)(means)])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


@pytest.fixture(scope="module")
def network(float16_network: bytes) -> bytes:
    """The same, trimmed: every third unit of the first output, and what it is computed from."""
    model = load_model(float16_network, "small")
    graph = model.subgraphs[0]
    assert fold_float16(model) > 0
    make_names_unique(model)
    first, _ = sorted(map(int, graph.outputs), key=lambda index: -graph.tensors[index].shape[1])
    pooled = int(maker(model, first).inputs[0])
    keep_rows(model, first, [0, 3])
    set_boundary(model, {"picture": graph.inputs[0]}, {"kept": first, "pooled": pooled})
    drop_unused(model)
    return serialise(model)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth colours, as photographs have."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2)


def answers(model: bytes, pictures: np.ndarray) -> dict[str, np.ndarray]:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    source, found = interpreter.get_input_details()[0], {}
    for picture in pictures:
        pixels = (picture ^ 128).view(np.int8) if source["dtype"] is np.int8 else picture / np.float32(255)
        interpreter.set_tensor(source["index"], pixels[np.newaxis])
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            scale, zero_point = detail["quantization"]
            value = interpreter.get_tensor(detail["index"]).astype(np.float32)
            found.setdefault(detail["name"], []).append((value - zero_point) * scale if scale else value)
    return {name: np.concatenate(values) for name, values in found.items()}


def facts_of(model: bytes, folder: Path) -> ModelFacts:
    (folder / "m.tflite").write_bytes(model)
    return model_facts(folder / "m.tflite")


def test_trimming_changes_no_answer(float16_network: bytes, network: bytes, pictures: np.ndarray):
    before, after = answers(float16_network, pictures), answers(network, pictures)

    (dense,) = (value for value in before.values() if value.shape[1] == 6)
    np.testing.assert_allclose(after["kept"], dense[:, [0, 3]], atol=1e-4)


def test_nothing_unused_is_left(network: bytes, tmp_path: Path):
    model = load_model(network, "small")
    graph = model.subgraphs[0]

    used = {int(i) for o in graph.operators for i in (*o.inputs, *o.outputs)} - {-1}
    assert used == set(range(len(graph.tensors)))
    assert {t.buffer for t in graph.tensors} | {0} == set(range(len(model.buffers)))
    facts = facts_of(network, tmp_path)
    assert "DEQUANTIZE" not in facts.operator_versions
    assert {t.dtype for t in facts.float_tensors} == {"FLOAT32"}
    assert [t.name for t in (*facts.inputs, *facts.outputs)] == ["picture", "kept", "pooled"]


def test_the_quantized_network_is_int8_throughout_and_agrees(network: bytes, pictures: np.ndarray, tmp_path: Path):
    # Colours at random differ more from each other than photographs do: half as wide again, nothing is cut off.
    wide = {name: Range(1.5 * low, 1.5 * high) for name, (low, high) in measure_ranges(network, pictures).items()}
    ranges = with_fixed(network, wide, {"picture": Range(0, 1)})
    quantized = quantize_network(network, ranges, "small")

    facts = facts_of(quantized, tmp_path)
    assert facts.float_tensors == ()
    assert "PRELU" not in facts.operator_versions
    assert facts.operator_versions["CONV_2D"] == 3
    assert facts.inputs[0].scale == pytest.approx(1 / 255, rel=1e-6)
    assert facts.inputs[0].zero_point == -128
    before, after = answers(network, pictures), answers(quantized, pictures)
    for name, exact in before.items():
        assert np.abs(after[name] - exact).mean() < 0.03 * np.ptp(exact), name


def test_a_fixed_range_is_that_of_an_output(network: bytes, pictures: np.ndarray, tmp_path: Path):
    ranges = measure_ranges(network, pictures[:4]) | {"picture": Range(0, 1)}
    quantized = quantize_network(network, with_fixed(network, ranges, {"pooled": Range(-3, 3)}), "small")

    assert facts_of(quantized, tmp_path).outputs[1].scale == pytest.approx(6 / 255)


def test_a_probability_reaches_down_to_0_whatever_the_calibration_showed(pictures: np.ndarray):
    """Calibrated with hands only, "no hand" would otherwise be cut off at a logit of 0, and read as 50 %."""
    from edge_asl.training.quiet import keras, tf

    picture = keras.Input(batch_shape=(1, SIDE, SIDE, 3))
    means = keras.layers.GlobalAveragePooling2D()(picture)
    sure = keras.layers.Dense(
        1, activation="sigmoid", kernel_initializer="ones", bias_initializer=keras.initializers.Constant(-1.0)
    )
    small = bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, sure(means))).convert())
    model = load_model(small, "small")
    graph = model.subgraphs[0]
    make_names_unique(model)
    set_boundary(model, {"picture": graph.inputs[0]}, {"presence": int(graph.outputs[0])})
    network = serialise(model)
    black, white = np.zeros_like(pictures[:1]), np.full_like(pictures[:1], 255)

    fixed = {"picture": Range(0, 1), "presence": Range(-8, 8)}
    ranges = with_fixed(network, measure_ranges(network, white), fixed)
    exact, found = (
        answers(m, np.concatenate([black, white])) for m in (network, quantize_network(network, ranges, ""))
    )

    np.testing.assert_allclose(found["presence"], exact["presence"], atol=0.03)
    assert found["presence"][0] < 0.3


def test_a_model_with_another_boundary_is_refused(network: bytes, tmp_path: Path):
    assert violations("palms", facts_of(network, tmp_path)) == [
        "expected tensors boxes, scores, found kept, pooled",
    ]


def test_a_network_without_ranges_is_refused_in_one_line(network: bytes):
    with pytest.raises(QuantizationError, match=r"^small: int8 quantization failed: .*") as caught:
        quantize_network(network, {"picture": Range(0, 1)}, "small")
    assert "\n" not in str(caught.value)


def test_pictures_are_spread_over_people_and_classes():
    pictures = [Picture(f"{who}/{label}{n}.jpg", label, who) for who in "pq" for label in "AB" for n in range(50)]
    pictures += [Picture("r/A0.jpg", "A", "r")]

    chosen = choose_pictures(pictures, 9, seed=1)

    assert choose_pictures(pictures, 9, seed=1) == chosen != choose_pictures(pictures, 9, seed=2)
    counts = [sum(p.signer == who and p.label == label for p in chosen) for who in "pq" for label in "AB"]
    assert counts == [2, 2, 2, 2]
    assert "r/A0.jpg" in [p.path for p in chosen]


@pytest.mark.parametrize("content", ["none", "other", "text"])
def test_another_wheel_is_refused(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wheel = tmp_path / "some.whl"
    if content == "text":
        wheel.write_text("not a zip")
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            for original in ORIGINALS.values() if content == "other" else ():
                archive.writestr(original.path, b"TFL3")

    with pytest.raises(DataError, match=r"use the (wheel|one) of mediapipe==0\.10\.14$"):
        keep_originals(wheel)


def test_a_damaged_cache_without_internet_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    damaged = tmp_path / "edge-asl" / "hands" / "originals" / "hand_landmark_full.tflite"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"cut off")

    with pytest.raises(PlatformError, match=r"mediapipe==0\.10\.14.*edge-asl hands --wheel FILE"):
        originals("full", Quiet())


def test_every_original_has_its_hash():
    assert len({original.sha256 for original in ORIGINALS.values()}) == 4
    assert all(len(bytes.fromhex(o.sha256)) == hashlib.sha256().digest_size for o in ORIGINALS.values())
