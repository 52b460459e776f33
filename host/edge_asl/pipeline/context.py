"""What the user asks of a build, and what its steps share: data, split, working folder."""

from __future__ import annotations

import importlib.metadata
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl import __version__
from edge_asl.datasets.labels import choose_labels
from edge_asl.datasets.pixel_store import PixelStore
from edge_asl.datasets.public_data import public_data_of
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.remarks import tell
from edge_asl.datasets.small_copies import FILE, told_of_small_copies
from edge_asl.datasets.split_files import read_split
from edge_asl.datasets.splits import describe_left_out, describe_split, make_split, pictures_of
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.errors import DataError
from edge_asl.pipeline.bundle import CONTENTS, HASHES, SPLIT, check_bundle_path, keep_split, work_folder
from edge_asl.pipeline.cache import StepCache
from edge_asl.pipeline.calibration_set import check_calibration_folder
from edge_asl.pipeline.writable import check_replaceable_folder, check_writable
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Recipe, digest_of
from edge_asl.training.checkpoint import EpochListener, unheard
from edge_asl.training.weights import check_weights
from edge_asl.workstation.cluster import Cluster
from edge_asl_device.contract.manifest import VERSION, Crop, Input, PublicData
from edge_asl_device.files import sha256_of


class BuildRequest(NamedTuple):
    """What the user asked for."""

    data: Sequence[Path]
    """The folders of pictures."""
    recipe_name: str
    recipe: Recipe
    weights: str
    """``imagenet``, ``none`` or a file."""
    out: Path
    calibration: Path
    """Folder that keeps the calibration pictures, in a subfolder per bundle name."""
    split_file: Path | None = None
    """An existing split, instead of one made as the recipe says."""
    min_accuracy: float | None = None
    """0 to 1."""
    version: str | None = None
    landmarks: tuple[Path, ...] = ()
    """Files or folders of measured hands, without pictures, for recipes that read hands."""
    warnings: tuple[str, ...] = ()
    """What the report should say before the figures."""
    without_pictures: bool = False
    """Keep the report, which shows pictures, in the working folder: a bundle to be published shows nobody."""
    leave_one_out: bool = False
    """Measure on each person in turn, with a model that was trained without this person."""
    listener: EpochListener = unheard
    """Hears of each epoch of a recipe that sees a square; changes nothing unless it raises."""
    cluster: Cluster | None = None
    """The workers that train together, and which of them this is; None: this one alone."""

    @property
    def work(self) -> Path:
        """Where the steps keep their results."""
        return work_folder(self.out)


class BuildContext(NamedTuple):
    """What all steps of a build share."""

    request: BuildRequest
    dataset: Dataset
    split: Split
    spec: Input
    cache: StepCache
    progress: Progress
    base_digest: str
    """Of the data, the split and the input size."""
    public_data: tuple[PublicData, ...]
    """The public data sets among the data."""

    def path(self, name: str) -> Path:
        """A file of the working folder."""
        return self.request.work / name

    def pixel_store(self) -> PixelStore:
        """The decoded pictures."""
        return PixelStore(self.path("pictures.u8"), self.dataset, self.spec)

    @property
    def leaves_out(self) -> bool:
        """Whether there is no test part, and networks trained without some of the people are tested on these."""
        return self.split.method == "left-out"

    @property
    def evaluated_part(self) -> str:
        """The part that the model is evaluated on: ``test``, or ``validation`` if there is no test part; ``train``
        where people are left out in turn.
        """
        if self.leaves_out:
            return "train"
        return "test" if self.split.parts["test"] else "validation"

    def truth(self) -> NDArray[np.int64]:
        """The class of each picture of the data set, int (N,)."""
        number = {label: i for i, label in enumerate(self.dataset.labels)}
        return np.array([number[picture.label] for picture in self.dataset.pictures], np.int64)

    def rows(self, *parts: str) -> NDArray[np.int64]:
        """The pictures of some parts of the split, as indices into the data set's, sorted."""
        wanted = {path for part in parts for path in self.split.parts[part]}
        return np.array([i for i, picture in enumerate(self.dataset.pictures) if picture.path in wanted], np.int64)

    def evaluated_pictures(self) -> list[Picture]:
        """The pictures that the model is evaluated on."""
        return pictures_of(self.dataset, self.split, self.evaluated_part)


def open_context(request: BuildRequest, progress: Progress) -> BuildContext:
    """Read the data and the split, which is made once and made again only if the data or the recipe change."""
    recipe = request.recipe
    check_request(request)
    request.work.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(
        request.data,
        recipe.data.layout,
        signer_pattern=recipe.data.signer_pattern,
        labels=None if recipe.data.labels is None else choose_labels(recipe.data.labels),
        cache=request.work / HASHES,
    )
    progress.say(f"data: {len(dataset.pictures)} pictures of {len(dataset.labels)} classes in {dataset.name}")
    dataset = told_of_small_copies(dataset, progress, request.work / FILE)
    tell(dataset, progress)
    if len(dataset.labels) < 2:
        found = ", ".join(dataset.labels) or "none"
        raise DataError(f"data.labels: expected two classes or more, found {found}; choose more labels")
    if recipe.data.most is not None:
        kept = spread(dataset.pictures, recipe.data.most)
        if len(kept) < len(dataset.pictures):
            progress.say(f"  {len(kept)} of them used, at most {recipe.data.most} of one sign by one person")
        dataset = dataset._replace(pictures=kept)
    if dataset.left_out:
        progress.say(f"  {describe_left_out(dataset)}")
    spec = Input(
        recipe.model.size, recipe.model.size, Crop.CENTRE_SQUARE, recipe.model.resize, margin=recipe.data.margin
    )
    cache = StepCache(request.work, progress)
    settings = digest_of(
        dataset.digest, recipe.data, recipe.training.seed, request.split_file and sha256_of(request.split_file)
    )
    written = [request.work / name for name in (SPLIT, CONTENTS)]
    cache.run("split", settings, written, lambda: keep_split(request.work, _split(request, dataset), dataset))
    split = read_split(written[0], dataset)
    for part in ("train", "validation") if recipe.reads == "square" else ("train",):
        if not split.parts[part]:
            raise DataError(
                f"{dataset.name}: the split by {split.method} leaves no pictures for {part}; "
                "change data.validation, data.test or data.counts"
            )
    progress.say(f"  {describe_split(split, dataset)}")
    _tell_gaps(dataset, split, progress)
    packages = [importlib.metadata.version(name) for name in ("opencv-python-headless", "tensorflow", "keras")]
    # data.most chooses the pictures; what is kept of them is found by their place among the chosen ones.
    base = digest_of(__version__, packages, dataset.digest, recipe.data.most, split.parts, spec)
    return BuildContext(request, dataset, split, spec, cache, progress, base, public_data_of(dataset.roots.values()))


def _tell_gaps(dataset: Dataset, split: Split, progress: Progress) -> None:
    """Name the classes that nothing is learned of; those that are not tested are named beside the figures."""
    shown = {picture.label for picture in pictures_of(dataset, split, "train")}
    if lacking := [label for label in dataset.labels if label not in shown]:
        progress.say(f"warning: no training picture of {', '.join(lacking)}: the model cannot learn them")


def spread(pictures: Sequence[Picture], most: int) -> tuple[Picture, ...]:
    """At most ``most`` pictures of one sign by one person, evenly spread over those that there are, in their order."""
    cells: dict[tuple[str, str], list[int]] = defaultdict(list)
    # Copies of one shot lie apart, so that few of them are taken together.
    by_number = sorted(range(len(pictures)), key=lambda i: (pictures[i].block or 0, pictures[i].path))
    for i in by_number:
        picture = pictures[i]
        cells[picture.signer or picture.source, picture.label].append(i)
    kept = {cell[k * len(cell) // most] for cell in cells.values() for k in range(most)}
    return tuple(picture for i, picture in enumerate(pictures) if i in kept)


def _split(request: BuildRequest, dataset: Dataset) -> Split:
    if request.split_file is not None:
        return read_split(request.split_file, dataset)
    settings = request.recipe.data
    return make_split(
        dataset,
        by=settings.split,
        seed=request.recipe.training.seed,
        validation=settings.validation,
        test=settings.test,
        counts=settings.counts,
        allow_shared_people=settings.allow_shared_people,
    )


def check_request(request: BuildRequest) -> None:
    """Refuse what cannot work before the data are read and the network is trained.

    Raises:
        DataError: no such data folder, something in the way of what is written, a version that is none.
        TrainingError: no such weights.
    """
    for folder in request.data:
        if not folder.exists():
            raise DataError(f"{folder}: no such folder of pictures; check the path")
        for made, option in ((request.out, "--out"), (request.calibration, "--calibration")):
            if folder.is_dir() and folder.resolve() in made.resolve().parents:
                raise DataError(
                    f"{made}: lies within the data folder {folder}, where it would count as pictures of a class; "
                    f"choose another {option}, or name another data folder"
                )
    check_bundle_path(request.out)
    if request.version is not None and not re.fullmatch(VERSION, request.version):
        raise DataError(
            f"version: expected dotted numbers such as 1.2, found {request.version!r}; choose another --version"
        )
    calibration = request.calibration / request.out.name
    check_calibration_folder(calibration)
    check_writable(request.work, "another --out")
    check_replaceable_folder(request.out, "another --out")
    check_replaceable_folder(calibration, "another --calibration")
    check_weights(request.weights)
