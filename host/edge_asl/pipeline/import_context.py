"""What is asked of an import, and what its steps share: the model's shape, the pictures of its signs, their split."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from edge_asl import __version__
from edge_asl.datasets.given import given_part
from edge_asl.datasets.labels import Choice as Labels
from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.public_data import public_data_of
from edge_asl.datasets.readers import list_dataset, read_dataset, sound
from edge_asl.datasets.remarks import tell
from edge_asl.datasets.split_files import read_split
from edge_asl.datasets.splits import PARTS, UNSPLIT, describe_left_out, describe_split
from edge_asl.datasets.types import Dataset, Split
from edge_asl.errors import ModelError
from edge_asl.imports.found import Source
from edge_asl.imports.labels import in_keras_order, labels_of_outputs, parse_labels, read_labels
from edge_asl.imports.shape import Shape
from edge_asl.pipeline.bundle import CONTENTS, HASHES, SPLIT, keep_split
from edge_asl.pipeline.cache import StepCache
from edge_asl.pipeline.context import BuildContext, BuildRequest
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Recipe, digest_of
from edge_asl.training.weights import NO_WEIGHTS
from edge_asl_device.contract.manifest import Crop, Input, Resize
from edge_asl_device.files import write_atomically

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.foreign import Foreign

RECIPE = "import"
_SHAPE = "shape.json"
_WARNING = (
    "This model was trained elsewhere. If it learned from these pictures, or from others of the same people, the "
    "figures flatter it."
)


class ImportRequest(NamedTuple):
    """What the user asked for."""

    model: Path
    data: Sequence[Path]
    out: Path
    calibration: Path
    """Folder that keeps the calibration pictures, in a subfolder per bundle name."""
    labels: str | None = None
    """Of the model's outputs, in their order: a list or a file."""
    pixels: str | None = None
    """How the model wants its pixels, of ``SCALINGS``; None: found out."""
    size: int | None = None
    """Side of its pictures, if the model does not say."""
    layout: str = "auto"
    every_picture: bool = False
    """Measure on all pictures, even if the data come with a test part of their own."""
    min_accuracy: float | None = None
    version: str | None = None
    without_pictures: bool = False

    @property
    def as_build(self) -> BuildRequest:
        """What the steps that it shares with a build look at."""
        return BuildRequest(
            data=self.data,
            recipe_name=RECIPE,
            recipe=Recipe(description="a model from elsewhere"),
            weights=NO_WEIGHTS,
            out=self.out,
            calibration=self.calibration,
            min_accuracy=self.min_accuracy,
            version=self.version,
            warnings=(_WARNING,),
            without_pictures=self.without_pictures,
        )


class Loader:
    """The network, loaded when the first step needs it."""

    def __init__(self, source: Source, size: int | None) -> None:
        self.source = source
        self._size = size
        self._loaded: Foreign | None = None

    def load(self) -> Foreign:
        """The network and its shape.

        Raises:
            ModelError: it cannot be loaded, or is not a classifier of pictures.
        """
        from edge_asl.training.foreign import load_foreign

        if self._loaded is None:
            self._loaded = load_foreign(self.source, self._size)
        return self._loaded


def look_at(request: ImportRequest, loader: Loader, cache: StepCache) -> Shape:
    """Load the network for the first time, and remember what it takes and gives."""
    target = request.as_build.work / _SHAPE
    digest = digest_of(__version__, _versions(), loader.source.kind, loader.source.sha256, request.size)

    def make() -> None:
        write_atomically(target, msgspec.json.encode(loader.load().shape))

    cache.run("model", digest, [target], make)
    return msgspec.json.decode(target.read_bytes(), type=Shape)


def open_import(
    request: ImportRequest, source: Source, shape: Shape, cache: StepCache, progress: Progress
) -> BuildContext:
    """Read the data with the model's labels, in the order of its outputs."""
    build = request.as_build
    progress.say(f"  {source.kind}, {shape.in_words}")
    if shape.height != shape.width:
        progress.say("  its pictures are not square: the device shows it the square in the middle, stretched")
    dataset = _read(request, source, shape, progress)
    spec = Input(shape.height, shape.width, Crop.CENTRE_SQUARE, Resize.LINEAR)
    settings = digest_of(dataset.digest, dataset.labels, request.every_picture)
    written = [build.work / name for name in (SPLIT, CONTENTS)]
    cache.run(
        "split", settings, written, lambda: keep_split(build.work, _split(dataset, request.every_picture), dataset)
    )
    split = read_split(written[0], dataset)
    progress.say(f"  {describe_split(split, dataset)}")
    base = digest_of(__version__, _versions(), dataset.digest, dataset.labels, split.parts, spec)
    return BuildContext(build, dataset, split, spec, cache, progress, base, public_data_of(dataset.roots.values()))


def _read(request: ImportRequest, source: Source, shape: Shape, progress: Progress) -> Dataset:
    model, hashes = str(request.model), request.as_build.work / HASHES
    if request.labels is not None:
        named, where = parse_labels(request.labels), f"--labels for {model}"
    elif source.labels is not None:
        named, where = read_labels(source.labels), f"{source.labels.name} of {model}"
    else:
        named, where = None, model
    classes = in_keras_order(sound(list_dataset(request.data, request.layout)).pictures)
    labels = labels_of_outputs(named, where, shape.classes, classes)
    known = Labels(frozenset(), frozenset(labels))
    dataset = read_dataset(request.data, request.layout, labels=known, cache=hashes)
    origin = "the data's classes in alphabetical order" if named is None else where.partition(" ")[0]
    progress.say(f"data: {len(dataset.pictures)} pictures of {len(dataset.labels)} classes in {dataset.name}")
    tell(dataset, progress)
    progress.say(f"  outputs by {origin}: {' '.join(labels)}")
    if not dataset.pictures:
        raise ModelError(
            f"{model}: knows {', '.join(labels)}, and {dataset.name} has only pictures of "
            f"{', '.join(order_labels(dataset.left_out))}; check --labels and --data"
        )
    if dataset.left_out:
        progress.say(f"  {describe_left_out(dataset)}: not among the model's labels")
    if unseen := [label for label in labels if label not in dataset.labels]:
        progress.say(f"  no pictures of {', '.join(unseen)}: how these are read is not measured")
    return dataset._replace(labels=labels)


def _split(dataset: Dataset, every_picture: bool) -> Split:
    """The data's own test part, or no split at all."""
    where = {picture.path: given_part(picture.path) or "train" for picture in dataset.pictures}
    parts = {part: [path for path, found in where.items() if found == part] for part in PARTS}
    rest = parts["train"] + parts["validation"]
    if every_picture or not parts["test"] or not rest:
        everything = tuple(picture.path for picture in dataset.pictures)
        return Split(UNSPLIT, 0, dataset.digest, {"train": (), "validation": (), "test": everything}, True)
    return Split("given", 0, dataset.digest, {part: tuple(sorted(paths)) for part, paths in parts.items()}, True)


def _versions() -> list[str]:
    return [importlib.metadata.version(name) for name in ("opencv-python-headless", "tensorflow", "keras")]
