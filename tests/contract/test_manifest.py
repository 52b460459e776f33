"""Manifests good, old and broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.formats import parse_manifest
from edge_asl_device.contract.manifest import MANIFEST, MARGIN
from edge_asl_device.errors import BundleError

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def bundle(golden_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(golden_bundle, tmp_path / "bundle"))


@pytest.mark.parametrize("folder", sorted(DATA.glob("bundle-v*")), ids=lambda path: path.name)
def test_bundles_of_every_format_are_read(folder: Path) -> None:
    bundle = read_bundle(folder)
    assert bundle.labels == tuple(bundle.manifest.labels)
    assert len(bundle.digest) == 64


def test_the_margin_of_a_box_is_the_bundles_own(bundle: Path) -> None:
    assert read_bundle(bundle).manifest.input.margin == MARGIN, "a bundle from before there was one"
    change(bundle / MANIFEST, put(1.6, "input", "margin"))
    assert read_bundle(bundle).manifest.input.margin == 1.6


RECORD = {
    "name": "sign-language-digits",
    "url": "https://example.org/digits",
    "version": "0" * 40,
    "licence": "Apache-2.0",
    "licence_url": "https://example.org/licence",
    "digest": "a" * 64,
}


@pytest.mark.parametrize("folder", sorted(DATA.glob("bundle-v*")), ids=lambda path: path.name)
def test_where_the_pictures_came_from_is_said_only_where_it_is_known(folder: Path) -> None:
    old = (folder / MANIFEST).read_bytes()
    written = msgspec.json.encode(parse_manifest(old, "manifest"))
    assert b"public_data" not in old + written

    known = json.loads(old)
    known["provenance"]["public_data"] = [RECORD]
    read = parse_manifest(json.dumps(known).encode(), "manifest")
    assert [msgspec.structs.asdict(source) for source in read.provenance.public_data] == [RECORD]
    assert json.loads(msgspec.json.encode(read))["provenance"]["public_data"] == [RECORD]


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: walk(content, keys[:-1]).pop(keys[-1])


def put(value: object, *keys: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: walk(content, keys[:-1]).__setitem__(keys[-1], value)


def walk(content: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        content = content[key]
    return content


BROKEN = {
    "source of another kind": (
        put([RECORD | {"digest": "x"}], "provenance", "public_data"),
        "provenance.public_data[0].digest: expected `str` matching regex '^[0-9a-f]{64}$'",
    ),
    "missing field": (drop("input", "resize"), "input: field resize is missing"),
    "unknown field": (put(1, "output", "colour"), "output: unknown field colour"),
    "unknown format": (put(9, "format_version"), "expected bundle format 1 or 2, found 9; update edge-asl-device"),
    "no format": (drop("format_version"), "expected bundle format 1 or 2, found None"),
    "wrong type": (put("big", "input", "width"), "input.width: expected `int`, got `str`"),
    "another contract": (put(0.5, "input", "scale"), "input.scale: expected 0.0078125, found 0.5"),
    "too few labels": (put(["A", "B"], "labels"), "output.classes: expected 2, found"),
    "no model": (drop("files", "model.tflite"), "files: expected model.tflite, found"),
    "path that escapes": (
        put({"sha256": "0" * 64, "size": 1}, "files", "../model.tflite"),
        "files",
    ),
    "missing file": (put({"sha256": "0" * 64, "size": 1}, "files", "extra.bin"), "extra.bin: missing"),
    "bad version": (put("one", "version"), "version: expected `str` matching regex"),
}


BROKEN_HANDS = {
    "missing model": (drop("models", "palms"), "models: expected ['landmarks', 'palms', 'sign'], found ['landmarks'"),
    "a model more": (lambda c: c["models"].update(face=c["models"]["sign"]), "models: expected ['landmarks', 'palms'"),
    "its file is not listed": (drop("files", "palms.tflite"), "files: expected palms.tflite, found"),
    "missing scaling": (drop("files", "scaling.npy"), "files: expected scaling.npy, found"),
    "another way to cut": (put("centre-square", "crop"), "crop: expected hand, found centre-square"),
    "other features": (put("pixels", "features"), "features: invalid enum value 'pixels'"),
    "input of format 1": (put({}, "input"), "manifest: unknown field input"),
    "a tensor missing": (
        drop("models", "landmarks", "outputs", "pooled"),
        "models.landmarks: expected (('picture',), ('landmarks', 'presence', 'handedness', 'pooled')), found",
    ),
    "outputs in another order": (
        lambda c: c["models"]["palms"].update(outputs=dict(reversed(c["models"]["palms"]["outputs"].items()))),
        "models.palms: expected (('picture',), ('boxes', 'scores')), found (('picture',), ('scores', 'boxes'))",
    ),
    "fewer anchors": (
        put([1, 896, 18], "models", "palms", "outputs", "boxes", "shape"),
        "models.palms: shape of boxes: expected (1, 2016, 18), found (1, 896, 18)",
    ),
    "the lite landmark model": (
        put([1, 672], "models", "landmarks", "outputs", "pooled", "shape"),
        "models.landmarks: shape of pooled: expected (1, 1152), found (1, 672)",
    ),
    "no shape": (put([], "models", "palms", "outputs", "boxes", "shape"), "length >= 1"),
    "no scale": (put(0, "models", "palms", "outputs", "boxes", "scale"), "> 0.0"),
    "features on another scale": (
        put(0.5, "models", "sign", "inputs", "shape", "scale"), "models.sign.inputs.shape: expected Tensor(shape=(1, 4"
    ),
    "too few labels": (put(["A", "B"], "labels"), "models.sign.outputs.probabilities: expected Tensor(shape=(1, 2)"),
    "two models in one": (put("../palms.tflite", "models", "sign", "file"), "models"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), BROKEN_HANDS.values(), ids=BROKEN_HANDS.keys())
def test_broken_manifests_of_format_2(
    hand_bundle: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    bundle = Path(shutil.copytree(hand_bundle, tmp_path / "bundle"))
    change(bundle / MANIFEST, edit)
    with pytest.raises(BundleError) as raised:
        read_bundle(bundle)
    assert message in str(raised.value)
    assert str(bundle) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("edit", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_manifests_say_what_was_expected_and_found(
    bundle: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    change(bundle / MANIFEST, edit)
    with pytest.raises(BundleError) as raised:
        read_bundle(bundle)
    assert message in str(raised.value)
    assert str(bundle) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_changed_model(bundle: Path) -> None:
    model = bundle / "model.tflite"
    data = bytearray(model.read_bytes())
    data[1000] ^= 1
    model.write_bytes(data)
    with pytest.raises(BundleError, match=r"expected sha256 .*found .*copy or build the bundle again"):
        read_bundle(bundle)


def test_truncated_model(bundle: Path) -> None:
    model = bundle / "model.tflite"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(BundleError, match=r"expected .* bytes, found 1000"):
        read_bundle(bundle)


def test_extra_file(bundle: Path) -> None:
    (bundle / "run.sh").write_text("")
    with pytest.raises(BundleError, match=r"run\.sh: not a listed file; remove it"):
        read_bundle(bundle)


def test_linked_file(bundle: Path) -> None:
    labels = bundle / "labels.txt"
    labels.rename(bundle.parent / "elsewhere")
    labels.symlink_to(bundle.parent / "elsewhere")
    with pytest.raises(BundleError, match="expected a regular file, found a link"):
        read_bundle(bundle)


def test_labels_that_differ(bundle: Path) -> None:
    import hashlib

    labels = bundle / "labels.txt"
    lines = labels.read_text().splitlines()
    labels.write_text("".join(f"{line}\n" for line in reversed(lines)))
    digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    change(bundle / MANIFEST, put(digest, "files", "labels.txt", "sha256"))
    with pytest.raises(BundleError, match=r"labels\.txt: expected the manifest's"):
        read_bundle(bundle)


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle: manifest\.json cannot be read \(No such file"):
        read_bundle(tmp_path)


def test_not_json() -> None:
    with pytest.raises(BundleError, match="not JSON"):
        parse_manifest(b"\xff\x00", "x")


def test_a_manifest_of_megabytes_is_not_parsed() -> None:
    with pytest.raises(BundleError, match="larger than"):
        parse_manifest(b" " * 2_000_000, "x")
