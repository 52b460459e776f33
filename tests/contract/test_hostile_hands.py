"""Manifests of bundles that read hands, damaged anywhere: refused in one line, or what they say is the contract's."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from any_json import JSON, put_into
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asl_device.contract.formats import HAND_MODELS, parse_manifest
from edge_asl_device.contract.hand_points import SIGN_INPUTS
from edge_asl_device.contract.manifest import LANDMARKS, MANIFEST, PALMS, SIGN, HandManifest
from edge_asl_device.errors import BundleError, EdgeAslError
from edge_asl_device.inference.recogniser import Recogniser

SHIPPED = Path(__file__).parents[2] / "models" / "letters"
TEXT = (SHIPPED / MANIFEST).read_text()
ORIGINAL = parse_manifest(TEXT.encode(), MANIFEST)


def places(found: object, *above: str) -> Iterator[tuple[str, ...]]:
    """Every key of an object and of those in it."""
    if isinstance(found, dict):
        for key, inner in found.items():
            yield (*above, key)
            yield from places(inner, *above, key)


PLACES = sorted(places(json.loads(TEXT)))


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_anywhere(place: tuple[str, ...], value: object) -> None:
    try:
        found = parse_manifest(put_into(TEXT, value, *place), "x")
    except BundleError as error:
        refused = str(error)
    else:
        refused = ""
        assert_the_contracts(found)
    assert "\n" not in refused


def assert_the_contracts(found: object) -> None:
    assert isinstance(found, HandManifest)
    assert set(found.models) == {PALMS, LANDMARKS, SIGN}
    for name, model in found.models.items():
        assert model.file in found.files
        original = ORIGINAL.models[name]  # type: ignore[attr-defined]
        for side, known in ((model.inputs, original.inputs), (model.outputs, original.outputs)):
            assert {n: tensor.shape for n, tensor in side.items()} == {n: tensor.shape for n, tensor in known.items()}
            assert all(math.isfinite(tensor.scale) and tensor.scale > 0 for tensor in side.values())
    assert set(found.models[PALMS].outputs) == set(HAND_MODELS[PALMS][1])
    assert found.models[SIGN].inputs == SIGN_INPUTS
    assert found.models[SIGN].outputs["probabilities"].shape == (1, len(found.labels))


LIES: dict[str, tuple[tuple[str, ...], Any]] = {
    "another scale": (("models", "landmarks", "outputs", "pooled", "scale"), 0.5),
    "another zero point": (("models", "palms", "outputs", "boxes", "zero_point"), 3),
    "one model for another": (("models", "palms", "file"), "landmarks.tflite"),
    "not a model": (("models", "sign", "file"), "labels.txt"),
    "outside": (("models", "sign", "file"), "../letters/model.tflite"),
    "another crop": (("crop",), "centre-square"),
}


@pytest.mark.parametrize(("place", "value"), LIES.values(), ids=LIES.keys())
def test_a_manifest_that_says_what_its_models_are_not(tmp_path: Path, place: tuple[str, ...], value: object) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    (folder / MANIFEST).write_bytes(put_into(TEXT, value, *place))
    with pytest.raises(EdgeAslError) as refused:
        Recogniser.open(folder)
    assert "\n" not in str(refused.value)
