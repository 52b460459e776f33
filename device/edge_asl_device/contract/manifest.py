"""The bundle's manifest: the only source of truth at run time. What is in it; ``formats`` reads it.

A bundle is a folder of ``manifest.json`` and the files it lists.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta, Struct

from edge_asl_device.contract.tensor import Tensor

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
# Read whole where it is used. A MobileNet has 4 MB, VGG16 with a tutorial's head 254 MB, a report below 1 MB.
MAX_FILE_BYTES = 500_000_000
MAX_FILES = 100

LONGEST_LABEL = 64
"""Characters. A page shows a label as large as a hand."""

# Nothing but spaces would be a sign that nobody sees.
Label = Annotated[str, Meta(min_length=1, max_length=LONGEST_LABEL, pattern=r"\S")]
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
    accuracy_float: Fraction | None
    """Of the float network; None: the model came as it is, full int8."""
    top3_int8: Fraction
    agreement: Fraction | None
    """How often float and int8 name the same class; None as above."""
    calibration_error: Fraction
    """Expected calibration error of the int8 model, 15 bins."""


class Origin(Struct, frozen=True, forbid_unknown_fields=True):
    """The bundle that another one was made from."""

    name: Annotated[str, Meta(pattern=NAME)]
    version: Annotated[str, Meta(pattern=VERSION)]
    digest: Sha256
    """Of its manifest."""


class PublicData(Struct, frozen=True, forbid_unknown_fields=True):
    """A public data set that the pictures came from."""

    name: Annotated[str, Meta(pattern=NAME)]
    url: Annotated[str, Meta(max_length=500)]
    """Where it lives."""
    version: Annotated[str, Meta(max_length=100)]
    """The commit, or the publisher's number of the version."""
    licence: Annotated[str, Meta(max_length=100)]
    """Its SPDX name."""
    licence_url: Annotated[str, Meta(max_length=500)]
    digest: Sha256
    """Of the list of its files and their SHA-256, as it was fetched."""


class Imported(Struct, frozen=True, forbid_unknown_fields=True):
    """The model from elsewhere that a bundle was made from."""

    file: Annotated[str, Meta(min_length=1, max_length=255)]
    """The name of the file or folder that was imported."""
    sha256: Sha256
    """Of the file; of a folder, over the names and contents of its files as ``sha256sum`` lists them."""
    kind: str
    """``Keras``, ``SavedModel``, ``Teachable Machine``, …"""
    pixels: str
    """How it wanted its pixels scaled, before that became part of the graph: ``tf``, ``unit``, ``caffe``, ``torch``,
    ``raw``; ``int8``: it took pixel − 128 already."""


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
    public_data: Annotated[tuple[PublicData, ...], Meta(max_length=100)] = ()
    """The public data sets among the data; none: the pictures are the user's own, or nobody said."""
    imported: Imported | None = None
    """The model that was trained elsewhere; the data then only calibrated and measured it."""


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
    labels: Annotated[list[Label], Meta(min_length=2, max_length=1000)]
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
