"""What an improvement starts with: a bundle, what its build left of its training, and pictures from its site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.remarks import tell
from edge_asl.datasets.splits import describe_split, make_split
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.errors import DataError
from edge_asl.hands.engines import int8_engines
from edge_asl.pipeline.readings import read_hands, tell_missed
from edge_asl.progress import Progress
from edge_asl.training.readings import Readings
from edge_asl.training.training_file import TrainingFile, read_training_file, training_path
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import LANDMARKS, MODEL, PALMS, SCALING, HandManifest
from edge_asl_device.inference.hands.stage import HandStage
from edge_asl_device.inference.sign_network import read_scaling

SEED = 1
HELD_BACK = 0.25
"""Of the site's pictures, sign by sign."""


class Start(NamedTuple):
    """A bundle that can be improved."""

    bundle: Bundle
    manifest: HandManifest
    training: TrainingFile
    scaling: NDArray[np.float32]
    """As the bundle's ``scaling.npy``."""

    def stage(self) -> HandStage:
        """The bundle's own hand stage."""
        contents = {name: self.bundle.content(self.bundle.models[name].file) for name in (PALMS, LANDMARKS)}
        engines = int8_engines(self.bundle.models, contents)
        return HandStage(engines[PALMS], engines[LANDMARKS])


class Site(NamedTuple):
    """The pictures of a site, read."""

    dataset: Dataset
    split: Split
    readings: Readings
    truth: NDArray[np.int64]
    """int (N,): the class of each picture, in the order of the bundle's labels."""
    learned: NDArray[np.int64]
    """int (n,): the pictures with a hand that train."""
    held: NDArray[np.int64]
    """int (m,): the pictures with a hand that are held back."""

    @property
    def held_pictures(self) -> list[Picture]:
        """All that are held back, with a hand or without."""
        held = set(self.split.parts["test"])
        return [picture for picture in self.dataset.pictures if picture.path in held]


def open_start(folder: Path) -> Start:
    """Read a bundle and its training file.

    Raises:
        BundleError: it is no bundle.
        DataError: it does not read hands, or its training file is missing, damaged or another build's.
    """
    bundle = read_bundle(folder)
    if not isinstance(bundle.manifest, HandManifest):
        raise DataError(f"{folder}: only bundles that read hands can be improved, and this one sees a square")
    path = training_path(folder)
    training = read_training_file(path)
    if (model := bundle.manifest.files[MODEL].sha256) != training.model:
        raise DataError(
            f"{path}: expected what is left of the build of model {model[:12]}…, found that of "
            f"{training.model[:12]}…; copy the file that belongs to {folder}, or build the bundle again"
        )
    return Start(bundle, bundle.manifest, training, read_scaling(bundle.content(SCALING), str(folder / SCALING)))


def read_site(data: Sequence[Path], start: Start, progress: Progress) -> Site:
    """Read the site's pictures, hold some back, and find the hands in all.

    Raises:
        DataError: signs that the bundle does not know, or no hand to learn from, or none in those held back.
        PictureError: a picture cannot be read.
    """
    dataset = read_dataset(data, least=1)
    if unknown := order_labels(set(dataset.labels) - set(start.bundle.labels)):
        raise DataError(
            f"{dataset.name}: found pictures of {', '.join(unknown)}, which {start.bundle.folder} does not know; "
            "leave them out, or build with all pictures and a --recipe: only that teaches new signs"
        )
    split = make_split(dataset, by="block", seed=SEED, validation=0, test=HELD_BACK, allow_shared_people=True)
    progress.say(f"data: {len(dataset.pictures)} pictures of {', '.join(dataset.labels)} in {dataset.name}")
    tell(dataset, progress)
    progress.say(f"  {describe_split(split, dataset)}")
    with progress.task("hands read", len(dataset.pictures)) as advance:
        readings = read_hands(start.stage, dataset, advance)
    tell_missed(dataset, readings, progress)
    number = {label: i for i, label in enumerate(start.bundle.labels)}
    truth = np.array([number[picture.label] for picture in dataset.pictures], np.int64)
    held = np.isin([picture.path for picture in dataset.pictures], split.parts["test"])
    site = Site(dataset, split, readings, truth, *(np.flatnonzero(readings.found & part) for part in (~held, held)))
    if not len(site.learned) or not len(site.held):
        raise DataError(
            f"{dataset.name}: expected hands both in pictures to learn from and in those held back, found "
            f"{len(site.learned)} and {len(site.held)}; take more of each sign with edge-asl-device capture"
        )
    return site
