"""``NAME.training.npz`` beside a bundle: what is needed to go on training it elsewhere, without its pictures.

    models/letters/                 the bundle
    models/letters.training.npz     its float network, and some hands of everybody whom it learned from

There are numbers of hands in it, no picture and no name.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.errors import DataError
from edge_asl.recipes.recipe import Sign
from edge_asl.training.checkpoint import Arrays
from edge_asl.training.readings import Readings, empty_readings
from edge_asl_device.contract.hand_points import POINTS, POOLED

FORMAT = 1
VIEWS = 2
"""Readings of each hand. Those of a hand that is held back are what a device reads."""

_AGAIN = "build the bundle again"


class RehearsalSet(NamedTuple):
    """Some hands of everybody whom a bundle has learned from: rehearsed, so that further training does not unlearn
    them.
    """

    readings: Readings
    """Of n hands, each read ``VIEWS`` times; all found. Where a hand is in its frame, and how large, is not kept."""
    labels: NDArray[np.int64]
    """(n,): the class of each."""
    held: NDArray[np.bool_]
    """(n,): never trained with, but measured; whole people, as far as they are named."""


class TrainingFile(NamedTuple):
    """What a build leaves for those who improve its bundle."""

    model: str
    """SHA-256 of the bundle's ``model.tflite``."""
    settings: Sign
    """As the network was trained."""
    temperature: float
    weights: Arrays
    """Of the float network's branches."""
    pooled_step: float
    """The landmark model's ``pooled`` output counts in steps of this."""
    rehearsal: RehearsalSet


class _About(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    model: str
    settings: Sign
    temperature: float
    pooled_step: float


def training_path(bundle: Path) -> Path:
    """Where the training file of a bundle lies."""
    folder = bundle.absolute()
    return folder.with_name(f"{folder.name}.training.npz")


def encode_training_file(file: TrainingFile) -> bytes:
    """As ``decode_training_file`` reads it: weights in half precision, hands as shapes, steps and directions.

    Landmarks are kept from the wrist, in units of the hand's extent; no feature depends on place or size.
    """
    readings = file.rehearsal.readings
    points = readings.landmarks - readings.landmarks[:, :, :1]
    extent = np.abs(points).max(axis=(2, 3), keepdims=True) + 1e-6
    # Square roots of what is below zero are not taken, so it need not be kept.
    steps = np.clip(np.rint(readings.pooled.astype(np.float32) / file.pooled_step), 0, 255)
    about = _About(FORMAT, file.model, file.settings, file.temperature, file.pooled_step)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        about=np.array(msgspec.json.encode(about).decode()),
        labels=file.rehearsal.labels.astype(np.int16),
        held=file.rehearsal.held,
        mirrored=readings.mirrored,
        angle=readings.angle.astype(np.float16),
        landmarks=(points / extent).astype(np.float16),
        pooled=steps.astype(np.uint8),
        **{f"weights_{i:02}": weights.astype(np.float16) for i, weights in enumerate(file.weights)},
    )
    return buffer.getvalue()


def read_training_file(path: Path) -> TrainingFile:
    """What a build wrote to ``path``.

    Raises:
        DataError: there is none, or it is damaged or another version's.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
        about = msgspec.json.decode(str(kept["about"]), type=_About)
        if about.format != FORMAT:
            raise DataError(f"{path}: expected format {FORMAT}, found {about.format}; {_AGAIN}")
        rehearsal = _rehearsal(kept, about.pooled_step)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: a bundle cannot be improved without this file, which its build wrote beside it; "
            "copy it from there, or build the bundle again"
        ) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: not what edge-asl build wrote beside a bundle: {error}; {_AGAIN}") from error
    weights: Arrays = [kept[name].astype(np.float32) for name in sorted(kept) if name.startswith("weights_")]
    return TrainingFile(about.model, about.settings, about.temperature, weights, about.pooled_step, rehearsal)


def _rehearsal(kept: dict[str, NDArray[np.generic]], step: float) -> RehearsalSet:
    labels = kept["labels"].astype(np.int64)
    n = (len(labels), VIEWS)
    if kept["landmarks"].shape != (*n, POINTS, 2) or kept["pooled"].shape != (*n, POOLED):
        raise ValueError(f"hands of {kept['landmarks'].shape} and {kept['pooled'].shape}")
    readings = empty_readings(*n)._replace(
        found=np.ones(len(labels), bool),
        mirrored=kept["mirrored"].astype(bool),
        landmarks=kept["landmarks"].astype(np.float32),
        angle=kept["angle"].astype(np.float32),
        pooled=(kept["pooled"].astype(np.float32) * np.float32(step)).astype(np.float16),
    )
    return RehearsalSet(readings, labels, kept["held"].astype(bool))
