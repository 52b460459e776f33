"""Reading a manifest of any format, strictly.

An unknown or missing key, or a number of another contract, is an error of one line: path, expected, found.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from edge_asl_device.contract.hand_points import POINTS, POOLED, SIGN_INPUTS
from edge_asl_device.contract.manifest import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    LABELS,
    LANDMARKS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MODEL,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    PALMS,
    SCALING,
    SIGN,
    SIGNATURE,
    Crop,
    HandManifest,
    Manifest,
    Output,
    SquareManifest,
)
from edge_asl_device.contract.untrusted import brief, decode_json
from edge_asl_device.errors import BundleError

_Format = TypeVar("_Format", bound=Manifest)


def parse_manifest(data: bytes, name: str) -> Manifest:
    """Parse and check ``manifest.json``'s bytes; ``name`` (its path) appears in error messages.

    Raises:
        BundleError: not JSON, an unknown format version, an unknown, missing or ill-typed key, or numbers that are
            not the contract's.
    """
    found = decode_json(data, name, MAX_MANIFEST_BYTES)
    version = found.get("format_version") if isinstance(found, dict) else None
    parse = _FORMATS.get(version) if isinstance(version, int) else None
    if parse is None:
        known = " or ".join(map(str, _FORMATS))
        raise BundleError(
            f"{name}: expected bundle format {known}, found {reprlib.repr(version)}; "
            "update edge-asl-device, or build the bundle with the edge-asl that belongs to it"
        )
    return parse(found, name)


def _parsed(kind: type[_Format], found: object, name: str) -> _Format:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise BundleError(f"{name}: {_readable(error)}; build the bundle again") from error


def _parse_format_1(found: object, name: str) -> SquareManifest:
    manifest = _parsed(SquareManifest, found, name)
    expected = {
        "input.crop": (Crop.CENTRE_SQUARE.value, manifest.input.crop.value),
        "input.scale": (INPUT_SCALE, manifest.input.scale),
        "input.zero_point": (INPUT_ZERO_POINT, manifest.input.zero_point),
        "output.scale": (OUTPUT_SCALE, manifest.output.scale),
        "output.zero_point": (OUTPUT_ZERO_POINT, manifest.output.zero_point),
        "output.classes": (len(manifest.labels), manifest.output.classes),
    }
    _check_contract(manifest, name, expected, (MODEL,))
    return manifest


def _parse_format_2(found: object, name: str) -> HandManifest:
    manifest = _parsed(HandManifest, found, name)
    kinds = {"crop": (Crop.HAND.value, manifest.crop.value), "models": (sorted(HAND_MODELS), sorted(manifest.models))}
    _check_contract(manifest, name, kinds, (SCALING, *(model.file for model in manifest.models.values())))
    named = {key: (tuple(sorted(model.inputs)), tuple(model.outputs)) for key, model in manifest.models.items()}
    _check_contract(manifest, name, {f"models.{key}": (HAND_MODELS[key], named[key]) for key in HAND_MODELS}, ())
    _check_contract(manifest, name, _hand_tensors(manifest), ())
    return manifest


def _hand_tensors(manifest: HandManifest) -> dict[str, tuple[object, object]]:
    """Tensor → what it must be, and what it is."""
    tensors: dict[str, tuple[object, object]] = {}
    for key, shapes in _HAND_SHAPES.items():
        found = manifest.models[key].inputs | manifest.models[key].outputs
        tensors |= {f"models.{key}: shape of {tensor}": (shapes[tensor], found[tensor].shape) for tensor in shapes}
    sign = manifest.models[SIGN]
    tensors |= {f"models.sign.inputs.{part}": (SIGN_INPUTS[part], sign.inputs[part]) for part in SIGN_INPUTS}
    classes = Output(len(manifest.labels)).tensor
    return tensors | {"models.sign.outputs.probabilities": (classes, sign.outputs["probabilities"])}


HAND_MODELS = {
    PALMS: (("picture",), ("boxes", "scores")),
    LANDMARKS: (("picture",), ("landmarks", "presence", "handedness", "pooled")),
    SIGN: (tuple(sorted(SIGN_INPUTS)), ("probabilities",)),
}
"""The models of a bundle that reads hands → the names of their inputs, sorted, and of their outputs, in order."""

_HAND_SHAPES = {
    PALMS: {"picture": (1, 192, 192, 3), "boxes": (1, 2016, 18), "scores": (1, 2016, 1)},
    LANDMARKS: {
        "picture": (1, 224, 224, 3),
        "landmarks": (1, 2 * POINTS),
        "presence": (1, 1),
        "handedness": (1, 1),
        "pooled": (1, POOLED),
    },
}

_FORMATS: Mapping[int, Callable[[object, str], Manifest]] = {1: _parse_format_1, 2: _parse_format_2}
"""Format version → its parser. A parser stays for ever; a bundle of each format lies in tests/data."""


def _check_contract(
    manifest: Manifest, name: str, expected: Mapping[str, tuple[object, object]], required: Iterable[str]
) -> None:
    """Refuse numbers that are not the contract's, and a list of files without those ``required``."""
    repeats = {"labels without repeats": (len(set(manifest.labels)), len(manifest.labels))}
    for what, (want, have) in {**expected, **repeats}.items():
        if want != have:
            raise BundleError(f"{name}: {what}: expected {want}, found {have}; this bundle is for another contract")
    for unlisted in manifest.files.keys() & {MANIFEST, SIGNATURE}:
        raise BundleError(f"{name}: files: expected every file but the manifest and its signature, found {unlisted}")
    for file in (*required, LABELS):
        if file not in manifest.files:
            raise BundleError(f"{name}: files: expected {file}, found {brief(', '.join(manifest.files)) or 'none'}")


def _readable(error: msgspec.ValidationError) -> str:
    """``Object missing required field `x` - at `$.input` `` as ``input: field x is missing``."""
    text, _, place = str(error).partition(" - at `$")
    where = re.sub(r"^\.", "", place.rstrip("`")) or "manifest"
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return f"{where}: field {missing[1]} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text):
        return f"{where}: unknown field {unknown[1]}"
    return f"{where}: {text[0].lower()}{text[1:]}"
