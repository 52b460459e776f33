"""What a build is asked for, and what its steps share: data, split, working folder."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import NamedTuple

from edge_asl import __version__
from edge_asl.datasets.pixel_store import PackedPictures
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.splits import make_split, read_split, write_split
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.errors import DataError, TrainingError
from edge_asl.evaluation.run import describe_split
from edge_asl.pipeline.bundle import check_place, work_folder
from edge_asl.pipeline.cache import Steps
from edge_asl.pipeline.calibration_set import check_calibration_place
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Recipe, digest_of
from edge_asl_device.contract.manifest import (
    VERSION,
    Crop,
    Input,
)
from edge_asl_device.files import sha256_of


class BuildRequest(NamedTuple):
    """What the user asked for."""

    data: Path
    recipe_name: str
    recipe: Recipe
    weights: str
    """``imagenet``, ``none`` or a file."""
    out: Path
    calibration: Path
    """Folder below which the calibration pictures are kept, by bundle name."""
    split_file: Path | None = None
    """A split made before, instead of one made by the recipe."""
    min_accuracy: float | None = None
    """0 to 1."""
    version: str | None = None
    warnings: tuple[str, ...] = ()
    """What the report should say of these pictures before the figures."""

    @property
    def work(self) -> Path:
        """Where the steps keep what they made."""
        return work_folder(self.out)


class BuildContext(NamedTuple):
    """What all steps share."""

    request: BuildRequest
    dataset: Dataset
    split: Split
    spec: Input
    steps: Steps
    progress: Progress
    base_digest: str
    """Of the data, the split and the picture size."""

    def path(self, name: str) -> Path:
        """A file of the working folder."""
        return self.request.work / name

    def packed(self) -> PackedPictures:
        """The unpacked pictures."""
        return PackedPictures(self.path("pictures.u8"), self.dataset, self.spec)

    @property
    def judged(self) -> str:
        """The part that the model is measured on: ``test``, or ``validation`` where nothing was kept for a test."""
        return "test" if self.split.parts["test"] else "validation"

    def pictures(self, part: str) -> list[Picture]:
        """The pictures of ``train``, ``validation`` or ``test``."""
        wanted = set(self.split.parts[part])
        return [picture for picture in self.dataset.pictures if picture.path in wanted]


def open_context(request: BuildRequest, progress: Progress) -> BuildContext:
    """Read the data and fix the split: made once, written down, made anew only when data or recipe change."""
    recipe = request.recipe
    _check_request(request)
    request.work.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(
        request.data,
        recipe.data.layout,
        signer_pattern=recipe.data.signer_pattern,
        cache=request.work / "hashes.json",
    )
    progress.say(f"data: {len(dataset.pictures)} pictures of {len(dataset.labels)} classes in {request.data}")
    spec = Input(
        recipe.model.size, recipe.model.size, Crop.CENTRE_SQUARE, recipe.model.resize, margin=recipe.data.margin
    )
    steps = Steps(request.work, progress)
    split_path = request.work / "split.json"
    settings = digest_of(
        dataset.digest, recipe.data, recipe.training.seed, request.split_file and sha256_of(request.split_file)
    )
    steps.run("split", settings, [split_path], lambda: write_split(split_path, _split(request, dataset)))
    split = read_split(split_path, dataset)
    for part in ("train", "validation"):
        if not split.parts[part]:
            raise DataError(
                f"{request.data}: expected pictures for {part}, found none by {split.how}; "
                "change data.validation, data.test or data.counts"
            )
    progress.say(f"  {describe_split(split, dataset)}")
    packages = [importlib.metadata.version(name) for name in ("opencv-python-headless", "tensorflow", "keras")]
    base = digest_of(__version__, packages, dataset.digest, split.parts, spec)
    return BuildContext(request, dataset, split, spec, steps, progress, base)


def _split(request: BuildRequest, dataset: Dataset) -> Split:
    if request.split_file is not None:
        return read_split(request.split_file, dataset)
    how = request.recipe.data
    return make_split(
        dataset,
        by=how.split,
        seed=request.recipe.training.seed,
        validation=how.validation,
        test=how.test,
        counts=how.counts,
        allow_shared_people=how.allow_shared_people,
    )


def _check_request(request: BuildRequest) -> None:
    """Before the data are read and the network trained, not after."""
    if not request.data.exists():
        raise DataError(f"{request.data}: expected a folder of pictures, found nothing; check the path")
    check_place(request.out)
    if request.version is not None and not re.fullmatch(VERSION, request.version):
        raise DataError(
            f"version: expected dotted numbers, 1.2 say, found {request.version!r}; choose another --version"
        )
    check_calibration_place(request.calibration / request.out.name)
    weights = request.weights
    if weights not in ("imagenet", "none") and not Path(weights).is_file():
        raise TrainingError(f"{weights}: expected imagenet, none or a weights file, found nothing there")
