"""Recipes: TOML files that people write, read strictly into frozen structs.

A recipe sets everything that determines a model: data split, backbone, training, augmentation, quantization, decoder.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge_asl.errors import RecipeError
from edge_asl.recipes.backbones import BACKBONES
from edge_asl_device.contract.manifest import MARGIN, Decoder, Resize

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0.0, le=1e6)]  # TOML knows inf


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """[data]: how the data folders are read and split."""

    layout: Literal["auto", "folders", "people", "flat", "csv", "yolo", "tfrecord"] = "auto"
    labels: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)] | None = None
    """Only these, with ranges: ``["A-Z", "del"]``; pictures of others are left out. None: all that the data have."""
    split: Literal["auto", "signer", "block", "fraction", "counts", "first", "given", "left-out"] = "auto"
    most: Annotated[int, Meta(ge=1)] | None = None
    """At most so many pictures of one sign by one person (or from one folder that names nobody), evenly spread over
    those that there are: more of the same cost time and teach little. None: all."""
    validation: Fraction = 0.15
    test: Fraction = 0.15
    counts: tuple[int | Literal["rest"], int | Literal["rest"], int | Literal["rest"]] | None = None
    """Pictures per class for training, validation and test, with ``split = "counts"`` (at random) or ``"first"`` (in
    the order of the files). One may be ``"rest"``."""
    allow_shared_people: bool = False
    signer_pattern: str | None = None
    """A regular expression on the file name whose first group names the person."""
    margin: Annotated[float, Meta(ge=1.0, le=3.0)] = MARGIN
    """Side of the crop around a labelled box, as a multiple of the box's longer side."""


class Dense(Struct, frozen=True, forbid_unknown_fields=True):
    """A layer between backbone and softmax: fully connected, ReLU, dropout and, if asked for, batch norm after it."""

    units: Annotated[int, Meta(ge=1, le=65536)]
    dropout: Fraction = 0.0
    batch_norm: bool = False


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """[model]: the network."""

    backbone: str = "mobilenet_v2"
    """One of ``backbones.py``'s table."""
    alpha: Annotated[float, Meta(gt=0.0, le=2.0)] | None = None
    """Width multiplier of a MobileNet; None: 1."""
    size: Annotated[int, Meta(ge=32, le=512)] = 128
    """Input height and width in pixels."""
    minimalistic: bool = True
    """MobileNetV3 without squeeze-and-excite, hard-swish and 5×5 kernels, which the Edge TPU cannot map."""
    resize: Resize = Resize.LINEAR
    pixels: Literal["backbone", "tf", "unit", "torch", "caffe", "raw"] = "backbone"
    """How the backbone wants its pixels, in Keras's words (``training/pixels.py``): the default is as its ImageNet
    weights were trained."""
    pooling: Literal["average", "flatten"] = "average"
    """What becomes of the backbone's last map: the mean of each channel, or all its numbers."""
    dense: tuple[Dense, ...] = ()
    """Layers before the softmax: ``[{ units = 4096, dropout = 0.5 }]``."""
    dropout: Fraction = 0.1
    """Before the softmax."""

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f".backbone: expected one of {', '.join(BACKBONES)}, found {self.backbone!r}")
        if self.alpha not in (None, 1.0) and not BACKBONES[self.backbone].widths:
            raise ValueError(f".alpha: expected 1, the only width of {self.backbone}, found {self.alpha:g}")
        if self.size < (smallest := BACKBONES[self.backbone].smallest):
            raise ValueError(f".size: expected {smallest} or more for {self.backbone}, found {self.size}")

    @property
    def title(self) -> str:
        """``mobilenet_v2 0.35``, ``vgg16``."""
        return f"{self.backbone} {self.alpha or 1:g}" if BACKBONES[self.backbone].widths else self.backbone


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """[training]: phase one trains a softmax head on frozen, cached features; phase two trains the last layers."""

    seed: Count = 1
    head_epochs: Count = 30
    """Phase one; 0 skips it. Useless without pretrained weights."""
    head_learning_rate: Positive = 3e-3
    epochs: Count = 10
    """Phase two; 0 keeps what phase one made."""
    steps: Annotated[int, Meta(ge=1)] | None = None
    """Batches per epoch, the next epoch going on where one ends; None: every picture once."""
    layers: Literal["all"] | Count = "all"
    """How many of the backbone's last layers phase two trains; 0: only what comes after it."""
    variants: Count = 4
    """If ``layers`` is a number: how many augmented copies of each picture pass through the frozen layers once and are
    kept on disk; 0 computes them again in every epoch."""
    batch: Annotated[int, Meta(ge=1, le=1024)] = 32
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: Positive = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the learning rate falls after the warm-up: along a cosine to zero, or not at all."""
    momentum: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    """Of ``sgd``."""
    weight_decay: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.01
    """Of ``adamw``."""
    warmup_epochs: Annotated[float, Meta(ge=0.0, le=1e6)] = 1.0
    averaging: Fraction = 0.995
    """Decay of the exponential moving average of the weights; 0 switches it off."""
    batch_norm: Literal["frozen", "train"] = "train"
    batch_norm_momentum: Fraction = 0.97
    label_smoothing: Fraction = 0.05
    keep: Literal["best", "last"] = "best"
    """The epoch that becomes the model: the one with the lowest validation loss, or the last."""
    every_epoch: bool = False
    """Also keep each epoch's weights, named ``03-0.1234.weights.h5`` by epoch and validation loss."""
    patience: Count = 0
    """Early stopping: stop after so many epochs without a lower validation loss; 0: never."""


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """[augmentation]: how training pictures are changed, at random in each epoch."""

    mirror: Fraction = 0.5
    """Probability that a picture is mirrored: for left hands, and cameras that mirror."""
    rotation_deg: Annotated[float, Meta(ge=0.0, le=180.0)] = 10.0
    zoom: Annotated[float, Meta(ge=0.0, le=0.9)] = 0.1
    """Scale between 1 − zoom and 1 + zoom."""
    shift: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.06
    """As a fraction of the side."""
    shear: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0
    brightness: Fraction = 0.15
    contrast: Fraction = 0.2
    colour: Fraction = 0.1
    """Independent gain of the three channels."""
    gamma: Fraction = 0.0
    grey: Fraction = 0.0
    """Probability that a picture loses its colour."""
    shadow: Fraction = 0.0
    """Probability that the edge of a shadow runs through a picture."""
    blur: Fraction = 0.0
    """Probability that a picture is blurred or made coarse."""
    noise: Annotated[float, Meta(ge=0.0, le=64.0)] = 0.0
    """Largest standard deviation of added noise, in grey levels."""
    erase: Fraction = 0.0
    """Probability that a rectangle is painted over."""


class Quantization(Struct, frozen=True, forbid_unknown_fields=True):
    """[quantization]: full integer, int8."""

    pictures: Annotated[int, Meta(ge=10, le=5000)] = 150
    """Calibration pictures from the training part, the same number of each class."""
    runtime: Literal["tflite-2.14", "litert"] = "tflite-2.14"
    """The oldest runtime that must load the model."""


class Sign(Struct, frozen=True, forbid_unknown_fields=True):
    """[sign]: the network that names the sign of a hand, in recipes that read hands."""

    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 30
    batch: Annotated[int, Meta(ge=1, le=8192)] = 128
    learning_rate: Positive = 2e-3
    weight_decay: Annotated[float, Meta(ge=0.0, le=1e6)] = 1e-3
    label_smoothing: Fraction = 0.1
    rotation_deg: Annotated[float, Meta(ge=0.0, le=180.0)] = 12.0
    """Standard deviation of the turn of a hand in training. G and Q differ by a quarter turn."""
    bones: Fraction = 0.08
    """Standard deviation of the lengths of fingers, as a fraction."""
    noise: Fraction = 0.015
    """Standard deviation of the landmarks' positions, in lengths of the palm."""
    folds: Annotated[int, Meta(ge=2, le=100)] = 5
    """Parts in which people are left out in turn, to find out how strangers are read and what is sure enough."""
    doubt: Fraction = 0.0
    """A picture is not trained on if networks that were trained on other people give its sign less than this and
    another sign more than 0.8: its label is wrong, or it shows a sign as hardly anybody signs it. 0 trains on all."""
    precision: Fraction = 0.985
    """How many of the answers for people left out must be right: this sets the threshold below which no letter is
    shown."""


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole recipe."""

    description: str
    reads: Literal["square", "hand"] = "square"
    """``square``: a MobileNet sees a square of the frame. ``hand``: a hand stage finds the hand, and a small network
    names its sign from its landmarks and from what the landmark model saw inside."""
    sign: Sign = Sign()
    data: Data = Data()
    model: Model = Model()
    training: Training = Training()
    augmentation: Augmentation = Augmentation()
    quantization: Quantization = Quantization()
    decoder: Decoder = Decoder()


def recipe_names() -> list[str]:
    """The recipes that ship with the package, sorted."""
    folder = resources.files("edge_asl") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """A shipped recipe by name or a TOML file by path, with ``table.key=value`` overrides applied in order;
    ``none`` takes back what the recipe says.

    Raises:
        RecipeError: no such recipe, not TOML, an unknown key (a similar known one is named), a value out of range.
    """
    text, where = _recipe_text(name)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(table, override)
    _check_keys(table, Recipe, where)
    try:
        return msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        key = path.strip(".`") or "recipe"
        # A struct's own check begins with its field.
        what = text if text.startswith(".") else f": {text[0].lower()}{text[1:]}"
        raise RecipeError(f"{where}: {key}{what}") from error


def scaled(recipe: Recipe, times: int) -> Recipe:
    """``times`` the batch and ``times`` the learning rate, which rises to it during an epoch or more.

    The linear scaling rule with gradual warm-up of Goyal et al. 2017, "Accurate, Large Minibatch SGD", for as many GPUs
    or workers. Without it they share the recipe's batch, and the model is that of one.

    Raises:
        RecipeError: a recipe that reads hands, whose network is too small to share.
    """
    if times == 1:
        return recipe
    if recipe.reads == "hand":
        raise RecipeError(
            "--scale: expected a recipe that sees a square; this one reads hands, and one worker trains it"
        )
    training = recipe.training
    larger = msgspec.structs.replace(
        training,
        batch=training.batch * times,
        learning_rate=training.learning_rate * times,
        warmup_epochs=max(1.0, training.warmup_epochs),
    )
    return msgspec.structs.replace(recipe, training=larger)


def digest_of(*parts: object) -> str:
    """SHA-256 over structs and plain values in their JSON form: the identity of a step's inputs."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _recipe_text(name: str) -> tuple[str, str]:
    if name.endswith(".toml") or "/" in name:
        try:
            return Path(name).read_text(encoding="utf-8"), name
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    known = recipe_names()
    if name not in known:
        raise RecipeError(
            f"recipe: expected {', '.join(known)} or a path ending in .toml, found {name!r}{_nearest(name, known)}"
        )
    return (resources.files("edge_asl") / "recipes" / f"{name}.toml").read_text(encoding="utf-8"), f"recipe {name}"


def _apply(table: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in keys):
        raise RecipeError(f"--set: expected table.key=value such as training.epochs=5, found {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        # A bare word is a string, so that shells need no nested quotes. TOML has no null.
        value = None if text.strip() == "none" else text.strip()
    for key in keys[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {key} is not a table but the value {inner!r}")
        table = inner
    table[keys[-1]] = value


def _check_keys(table: Mapping[str, Any], kind: type[Struct], where: str, prefix: str = "") -> None:
    """msgspec would reject unknown keys as well, but cannot suggest a similar one."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            raise RecipeError(f"{where}: unknown key {prefix}{key}{_nearest(key, fields, prefix)}")
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
            _check_keys(value, inner, where, f"{prefix}{key}.")


def _nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    choices = list(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.4)
    return f"; did you mean {prefix}{close[0]}?" if close else f"; known: {', '.join(prefix + c for c in choices)}"
