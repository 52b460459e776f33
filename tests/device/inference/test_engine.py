"""Real runtimes on a real model: each in a process of its own, as two of them in one clash."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import LABELS, MANIFEST, MODEL
from edge_asl_device.contract.pictures import list_pictures, read_picture
from edge_asl_device.contract.preprocess import preprocess
from edge_asl_device.errors import BundleError, RuntimeMissing
from edge_asl_device.inference.engine import RUNTIMES, TfliteEngine, load_runtime
from edge_asl_device.inference.recogniser import Recogniser

PICTURES = Path(__file__).parents[2] / "data" / "pictures"
INSTALLED = [name for name, runtime in RUNTIMES.items() if importlib.util.find_spec(runtime.module.partition(".")[0])]

# What a runtime makes of tensors: int8 (N, 1, H, W, 3) to (N, classes).
_RUN_ALL = """
import sys
from pathlib import Path
import numpy as np
from edge_asl_device.contract.manifest import MODEL
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.inference.engine import TfliteEngine

bundle = read_bundle(Path(sys.argv[1]))
with TfliteEngine(bundle.spec(), bundle.content(MODEL), sys.argv[2], threads=int(sys.argv[3])) as engine:
    assert engine.runtime == sys.argv[2]
    np.save(sys.argv[5], np.concatenate([engine.invoke(tensor)[0] for tensor in np.load(sys.argv[4])]))
"""


@pytest.fixture(scope="module")
def tensors(golden_bundle: Path) -> NDArray[np.int8]:
    """Golden pictures, the same with noise, and noise alone: int8 (N, 1, H, W, 3)."""
    spec = read_bundle(golden_bundle).manifest.input
    rng = np.random.default_rng(5)
    good = [preprocess(read_picture(path), spec) for path in list_pictures(PICTURES)]
    noisy = [np.clip(t + rng.normal(0, 12, t.shape), -128, 127).astype(np.int8) for t in good for _ in range(9)]
    noise = list(rng.integers(-128, 128, (20, *good[0].shape), np.int8))
    return np.stack([*good, *noisy, *noise])


@pytest.fixture(scope="module")
def outputs(
    golden_bundle: Path, tensors: NDArray[np.int8], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, int], NDArray[np.int8]]:
    """The outputs, int8 (N, classes), of a runtime with so many threads."""
    folder = tmp_path_factory.mktemp("outputs")
    np.save(folder / "tensors.npy", tensors)

    def run(runtime: str, threads: int = 1) -> NDArray[np.int8]:
        path = folder / f"{runtime}{threads}.npy"
        if not path.exists():
            command = [sys.executable, "-c", _RUN_ALL, golden_bundle, runtime, threads, folder / "tensors.npy", path]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
        found: NDArray[np.int8] = np.load(path)
        return found

    return run


def engine_of(bundle: Bundle, runtime: str = "auto") -> TfliteEngine:
    return TfliteEngine(bundle.spec(), bundle.content(MODEL), runtime)


def test_a_runtime_is_installed():
    """Everything here would pass without one."""
    assert INSTALLED
    assert load_runtime()[0] == INSTALLED[0]


@pytest.mark.parametrize("runtime", INSTALLED)
def test_each_runtime_recognises_the_golden_pictures(
    runtime: str, golden_bundle: Path, outputs: Callable[..., NDArray[np.int8]]
):
    labels = read_bundle(golden_bundle).labels
    wanted = [path.stem for path in list_pictures(PICTURES)]

    found = outputs(runtime)[: len(wanted)]

    assert [labels[best] for best in found.argmax(axis=1)] == wanted
    assert (found.max(axis=1) > 0).all()  # above one half


@pytest.mark.parametrize("runtime", INSTALLED)
def test_outputs_are_probabilities(runtime: str, outputs: Callable[..., NDArray[np.int8]]):
    found = outputs(runtime)

    assert found.dtype == np.int8
    sums = (found.astype(int) + 128).sum(axis=1)
    # Each of the classes is rounded, and 256/256 does not exist.
    assert np.abs(sums - 256).max() <= found.shape[1]


@pytest.mark.parametrize("runtime", INSTALLED)
def test_threads_do_not_change_the_answer(runtime: str, outputs: Callable[..., NDArray[np.int8]]):
    np.testing.assert_array_equal(outputs(runtime, 1), outputs(runtime, 2))


def test_runtimes_agree(outputs: Callable[..., NDArray[np.int8]]):
    """Kernels round differently (XNNPACK against plain ones): a few steps of 1/256, hardly ever another sign."""
    first, *others = [outputs(runtime).astype(int) for runtime in INSTALLED]
    for other in others:
        assert (first.argmax(axis=1) == other.argmax(axis=1)).mean() >= 0.95
        assert np.abs(first - other).mean() < 3


def test_probabilities_are_those_of_a_slow_oracle(golden_bundle: Path, tensors: NDArray[np.int8]):
    """In plain arithmetic from the bundle's definition: centre square, resize by OpenCV, (q + 128) / 256."""
    import cv2

    with Recogniser.open(golden_bundle) as recogniser:
        spec = recogniser.bundle.manifest.input
        rng = np.random.default_rng(9)
        for height, width in [(48, 64), (200, 120), (spec.height, spec.width), (97, 97)]:
            coarse = rng.integers(0, 256, (7, 7, 3), np.uint8)
            picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = picture[top : top + side, left : left + side]
            small = cv2.resize(square, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR)
            tensor = (small.astype(int) - 128).astype(np.int8)[np.newaxis]
            steps = recogniser.engine.invoke(tensor)[0][0]
            wanted = [(int(step) + 128) / 256 for step in steps]

            assert recogniser.recognise(picture).probabilities.tolist() == wanted
            best = sorted(zip(recogniser.labels, wanted, strict=True), key=lambda pair: -pair[1])
            assert recogniser.classify(picture, 3) == best[:3]


def test_the_output_is_a_copy(golden_bundle: Path, tensors: NDArray[np.int8]):
    with engine_of(read_bundle(golden_bundle)) as engine:
        (first,) = engine.invoke(tensors[0])
        kept = first.copy()
        (second,) = engine.invoke(tensors[-1])

        assert not np.array_equal(kept, second)
        np.testing.assert_array_equal(first, kept)


def edited(bundle: Path, folder: Path, change: Callable[[dict[str, Any]], None], **files: bytes) -> Path:
    """A copy of a bundle with another manifest and files, hashes right."""
    target = folder / "bundle"
    shutil.copytree(bundle, target)
    manifest = json.loads((target / MANIFEST).read_text())
    change(manifest)
    (target / LABELS).write_text("".join(f"{label}\n" for label in manifest["labels"]))
    if "model" in files:
        (target / MODEL).write_bytes(files["model"])
    for name in (LABELS, MODEL):
        data = (target / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (target / MANIFEST).write_text(json.dumps(manifest))
    return target


def _another_height(manifest: dict[str, Any]) -> None:
    manifest["input"]["height"] = 96


def _one_label_less(manifest: dict[str, Any]) -> None:
    manifest["labels"].pop()
    manifest["output"]["classes"] -= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _another_height,
            r"input tensor: expected int8 \(1, 96, 64, 3\) .*, found int8 \(1, 64, 64, 3\) scale",
        ),
        (_one_label_less, r"output tensor: expected int8 \(1, 4\) .*, found int8 \(1, 5\) scale 0\.00390625"),
    ],
)
def test_a_model_that_is_not_what_the_manifest_says(
    golden_bundle: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
):
    bundle = read_bundle(edited(golden_bundle, tmp_path, change))

    with pytest.raises(BundleError, match=message) as caught:
        engine_of(bundle)

    assert str(caught.value).startswith(str(bundle.model))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_model(golden_bundle: Path, tmp_path: Path):
    bundle = read_bundle(edited(golden_bundle, tmp_path, lambda manifest: None, model=b"no model" * 100))

    with pytest.raises(
        RuntimeMissing,
        match=r"(ai-edge-litert|tflite-runtime) cannot run this model: .+; copy or build the model",
    ) as caught:
        engine_of(bundle)

    assert "\n" not in str(caught.value)


def test_an_unknown_runtime_is_named(golden_bundle: Path):
    with pytest.raises(RuntimeMissing, match="expected auto, litert or tflite, found 'onnx'"):
        engine_of(read_bundle(golden_bundle), "onnx")
