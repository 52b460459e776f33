"""The bundle's manifest: the only source of truth at run time.

A bundle is a folder of ``manifest.json`` and the files it lists. Everything is read strictly: an unknown or
missing key, a wrong hash, an extra file or one that escapes the folder are errors that say path, expected, found.
Every byte is hostile until verified: nothing is followed, waited for or held in memory beyond what the limits say.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from edge_asl_device.contract.hand_points import POINTS, POOLED, SIGN_INPUTS
from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.contract.tree import Entry, Tree, read_verified
from edge_asl_device.contract.untrusted import brief, decode_json, file_errors_as, read_bounded
from edge_asl_device.errors import BundleError

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
MODEL = "model.tflite"
EDGETPU_MODEL = "model_edgetpu.tflite"
LABELS = "labels.txt"
PALMS_MODEL = "palms.tflite"
LANDMARKS_MODEL = "landmarks.tflite"
SCALING = "scaling.npy"
"""Format 2: float32 (2, features), what is taken from each feature of a hand and what it is then divided by."""
PALMS, LANDMARKS, SIGN = "palms", "landmarks", "sign"

INPUT_SCALE = 1 / 128
INPUT_ZERO_POINT = 0
OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
MARGIN = 1.35

NAME = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
VERSION = r"^[0-9]{1,18}(\.[0-9]{1,18}){0,5}$"

# A manifest of 29 classes is 3 KB; one of megabytes is an attack on a 512 MB machine.
MAX_MANIFEST_BYTES = 1_000_000
# An RSA key of 16384 bits, the longest that OpenSSH takes, signs with 6 KB.
MAX_SIGNATURE_BYTES = 16_384
# Read whole where it is used. The largest backbone's model is 4 MB, a report below 1 MB.
MAX_FILE_BYTES = 100_000_000
MAX_FILES = 100
AGAIN = "copy or build the bundle again"

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern="^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Pixels = Annotated[int, Meta(ge=16, le=1024)]
Seconds = Annotated[float, Meta(ge=0.0, le=60.0)]


class Resize(enum.Enum):
    """How a crop is brought to the model's size: OpenCV's INTER_LINEAR or INTER_AREA."""

    LINEAR = "linear"
    AREA = "area"


class Crop(enum.Enum):
    """Which part of a frame is read."""

    CENTRE_SQUARE = "centre-square"
    """The largest square in its middle, where nobody says where the hand is."""
    HAND = "hand"
    """The hand, which the bundle's own hand stage finds."""


class Features(enum.Enum):
    """What the sign network is told of a hand."""

    SHAPE_AND_INNER = "shape-and-inner"
    """See ``contract.hand_features``."""


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """The input tensor: RGB int8 (1, height, width, 3), value = pixel − 128."""

    height: Pixels
    width: Pixels
    crop: Crop
    resize: Resize
    scale: float = INPUT_SCALE
    zero_point: int = INPUT_ZERO_POINT
    margin: Annotated[float, Meta(ge=1.0, le=3.0)] = MARGIN
    """Where a hand's box is known: side of its square, in longer sides of the box."""

    @property
    def tensor(self) -> Tensor:
        """What the model takes."""
        return Tensor((1, self.height, self.width, 3), self.scale, self.zero_point)


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """The output tensor: softmax int8 (1, classes), probability = (value + 128) / 256."""

    classes: Annotated[int, Meta(ge=2, le=1000)]
    scale: float = OUTPUT_SCALE
    zero_point: int = OUTPUT_ZERO_POINT

    @property
    def tensor(self) -> Tensor:
        """What the model gives."""
        return Tensor((1, self.classes), self.scale, self.zero_point)


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """One model of a bundle of format 2."""

    file: FileName
    inputs: Annotated[dict[str, Tensor], Meta(min_length=1, max_length=8)]
    """Name → tensor, in the model's own order."""
    outputs: Annotated[dict[str, Tensor], Meta(min_length=1, max_length=8)]
    operators: dict[str, int]
    """Its TensorFlow Lite operators and the highest version of each."""
    minimum_runtime: str
    """The smallest TensorFlow Lite runtime that has all of them."""


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the bundle."""

    sha256: Sha256
    size: Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]


class Decoder(Struct, frozen=True, forbid_unknown_fields=True):
    """When a stream of predictions becomes text."""

    accept_probability: Fraction = 0.62
    """A letter leads while its smoothed probability is at least this."""
    release_probability: Fraction = 0.4
    """A letter that was taken counts as let go below this; the gap between the two keeps flicker out."""
    hold_s: Seconds = 0.3
    """How long a letter leads before it is taken."""
    release_s: Seconds = 0.03
    """How long a letter is let go before it may be taken again."""
    word_pause_s: Seconds = 1.5
    """How long no letter leads before the word ends."""


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """What the evaluation measured with the very files of this bundle."""

    split: str
    """Which pictures: ``test by signer``, say."""
    pictures: int
    people: int | None
    """How many people the pictures show, if the data say."""
    accuracy_int8: Fraction
    accuracy_low: Fraction
    """Lower end of the 95 % interval of ``accuracy_int8`` (Wilson)."""
    accuracy_high: Fraction
    accuracy_float: Fraction
    top3_int8: Fraction
    agreement: Fraction
    """How often float and int8 name the same class."""
    calibration_error: Fraction
    """Expected calibration error of the int8 model, 15 bins."""


class Origin(Struct, frozen=True, forbid_unknown_fields=True):
    """The bundle that another one was made from."""

    name: Annotated[str, Meta(pattern=NAME)]
    version: Annotated[str, Meta(pattern=VERSION)]
    digest: Sha256
    """Of its manifest."""


class Provenance(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the bundle comes from."""

    recipe: str
    recipe_digest: Sha256
    seed: int
    data_digest: Sha256
    packages: dict[str, str]
    git_commit: str | None
    improved: Origin | None = None
    """The bundle that was trained further with the data, instead of a network that knew nothing."""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``manifest.json``: what bundles of every format say."""

    format_version: int
    name: Annotated[str, Meta(pattern=NAME)]
    version: Annotated[str, Meta(pattern=VERSION)]
    """Dotted numbers, compared number by number."""
    created: str
    """UTC, ISO 8601."""
    files: Annotated[dict[FileName, File], Meta(max_length=MAX_FILES)]
    """Every file of the bundle but the manifest and its signature."""
    labels: Annotated[list[str], Meta(min_length=2, max_length=1000)]
    """Class names in the order of the sign model's output tensor."""
    decoder: Decoder
    metrics: Metrics | None
    """None only in the draft that is being evaluated."""
    provenance: Provenance


class SquareManifest(Manifest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Format 1: one model, which sees a square of the frame."""

    format_version: int = 1
    input: Input
    output: Output
    operators: dict[str, int]
    """TensorFlow Lite operators of ``model.tflite`` and the highest version of each."""
    minimum_runtime: str
    """The smallest TensorFlow Lite runtime that has all of them."""


class HandManifest(Manifest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Format 2: a hand stage of two models, and a third that names the sign from what they find."""

    format_version: int = 2
    crop: Crop
    features: Features
    models: dict[str, Model]
    """``palms``, ``landmarks`` and ``sign``."""


_Format = TypeVar("_Format", bound=Manifest)


class Bundle(NamedTuple):
    """A bundle on disk whose manifest was read and whose files were found as listed."""

    folder: Path
    manifest: Manifest
    digest: str
    """SHA-256 of ``manifest.json``, which lists the hash of everything else: it names the release."""

    @property
    def models(self) -> dict[str, Model]:
        """Name → model; a bundle of format 1 has one, ``sign``."""
        if isinstance(self.manifest, HandManifest):
            return self.manifest.models
        assert isinstance(self.manifest, SquareManifest)  # noqa: S101 - there is no third
        found = self.manifest
        tensors = {"picture": found.input.tensor}, {"probabilities": found.output.tensor}
        return {SIGN: Model(MODEL, *tensors, found.operators, found.minimum_runtime)}

    def spec(self, name: str = SIGN, file: str | None = None) -> ModelSpec:
        """The model ``name``; ``file``: compiled for an accelerator, instead of the one that the manifest names."""
        model = self.models[name]
        return ModelSpec(
            self.folder / (file or model.file), tuple(model.inputs.values()), tuple(model.outputs.values())
        )

    @property
    def model(self) -> Path:
        """The path of the model that names signs."""
        return self.spec().path

    def content(self, name: str) -> bytes:
        """The bytes of one of the bundle's files, checked again: what is used is what was verified.

        Raises:
            BundleError: the file was changed or taken away since the bundle was read.
        """
        file = self.manifest.files[name]
        with file_errors_as(BundleError, AGAIN):
            return read_verified(self.folder / name, file.sha256, file.size)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the output tensor's order."""
        return tuple(self.manifest.labels)


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


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that its files are exactly those listed, whole and unchanged.

    Raises:
        BundleError: anything missing, extra, linked, changed or not understood.
    """
    path = folder / MANIFEST
    try:
        path.lstat()
    except OSError as error:
        raise BundleError(
            f"{folder}: not a bundle: {MANIFEST} cannot be read ({error.strerror}); "
            "name the folder that edge-asl build wrote"
        ) from error
    with file_errors_as(BundleError, AGAIN):
        data = read_bounded(path, MAX_MANIFEST_BYTES)
        manifest = parse_manifest(data, str(path))
        bundle = Bundle(folder, manifest, hashlib.sha256(data).hexdigest())
        files = {name: Entry(file.sha256, file.size) for name, file in manifest.files.items()}
        Tree(files, unlisted=frozenset({MANIFEST, SIGNATURE})).verify(folder)
        if os.path.lexists(folder / SIGNATURE):
            read_bounded(folder / SIGNATURE, MAX_SIGNATURE_BYTES)
    _check_labels(bundle)
    return bundle


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


def _check_labels(bundle: Bundle) -> None:
    path, labels = bundle.folder / LABELS, bundle.manifest.labels
    try:
        listed = bundle.content(LABELS).decode().splitlines()
    except UnicodeDecodeError as error:
        raise BundleError(f"{path}: not UTF-8 ({error}); build the bundle again") from error
    if listed != labels:
        raise BundleError(f"{path}: expected the manifest's {len(labels)} labels, found {len(listed)} others")


def _readable(error: msgspec.ValidationError) -> str:
    """``Object missing required field `x` - at `$.input` `` as ``input: field x is missing``."""
    text, _, place = str(error).partition(" - at `$")
    where = re.sub(r"^\.", "", place.rstrip("`")) or "manifest"
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return f"{where}: field {missing[1]} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text):
        return f"{where}: unknown field {unknown[1]}"
    return f"{where}: {text[0].lower()}{text[1:]}"
