"""From Google's float models to the two int8 models of a bundle, once for the same pictures and programs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_asl import __version__
from edge_asl.datasets.splits import pictures_of
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import QuantizationError
from edge_asl.hands.calibration import choose_pictures, collect
from edge_asl.hands.check import FILES, FIXED, RUNTIME, check, describe
from edge_asl.hands.engines import float_stage, int8_engines
from edge_asl.hands.networks import landmark_network, palm_network
from edge_asl.hands.originals import ORIGINALS, originals
from edge_asl.hands.quantize import quantize_network
from edge_asl.hands.ranges import measure_ranges, with_fixed
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.workstation.cache_folder import cache_folder
from edge_asl_device.contract.manifest import LANDMARKS, PALMS, Model
from edge_asl_device.files import replacing_folder
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.hands.stage import HandStage

if TYPE_CHECKING:
    from edge_asl.pipeline.context import BuildContext

PICTURES = 160
"""How many are looked at for the ranges; more change nothing that can be measured (docs/training.md)."""
FULL, LITE = "full", "lite"

_METHOD = 2
"""Counts changes of this folder's code that change the models."""
_PACKAGES = ("ai-edge-litert", "ai-edge-quantizer", "opencv-python-headless")


class HandModelsRequest(NamedTuple):
    """What models are wanted, and from which pictures."""

    dataset: Dataset
    pictures: Sequence[Picture]
    """Those that may be used: the training part."""
    variant: str = FULL
    look_at: int = PICTURES
    seed: int = 0
    runtime: str = RUNTIME
    """The oldest that must run them: ``tflite-2.14`` or ``litert``."""


class HandModels(NamedTuple):
    """The hand stage of a bundle."""

    palms: bytes
    landmarks: bytes
    models: Mapping[str, Model]
    """``palms`` and ``landmarks`` as a manifest of format 2 describes them."""
    notice: bytes
    """What a bundle must say of them: where they come from, and under which licence."""
    digest: str
    """SHA-256 over everything that made them."""
    folder: Path
    """Where they are cached."""

    def stage(self) -> HandStage:
        """The hand stage that runs them, as a device does."""
        engines = self.engines()
        return HandStage(engines[PALMS], engines[LANDMARKS])

    def engines(self) -> dict[str, TfliteEngine]:
        """Each of the two in this machine's runtime."""
        return int8_engines(self.models, {PALMS: self.palms, LANDMARKS: self.landmarks})


def hand_models_for(context: BuildContext) -> HandModels:
    """The hand models of a build, calibrated with its training part."""
    recipe = context.request.recipe
    pictures = pictures_of(context.dataset, context.split, "train")
    request = HandModelsRequest(
        context.dataset, pictures, seed=recipe.training.seed, runtime=recipe.quantization.runtime
    )
    return hand_models(request, context.progress)


def hand_models(request: HandModelsRequest, progress: Progress) -> HandModels:
    """The two models, from the user's cache if everything that makes them is unchanged.

    Raises:
        PlatformError: Google's models are not cached and cannot be downloaded.
        DataError: too few of the pictures show a hand.
        QuantizationError: the result is not full int8, or a runtime refuses it.
    """
    chosen = choose_pictures(request.pictures, request.look_at, request.seed)
    digest = _digest(request, chosen)
    folder = cache_folder() / "hands" / digest[:32]
    cached = _cached(folder)
    if cached is None:
        progress.say("hand models: made once for these pictures, and kept")
        contents = _make(request, chosen, progress)
        for name, content in contents.items():
            check(name, content, request.runtime, progress)
        models = {name: describe(name, content) for name, content in contents.items()}
        with replacing_folder(folder) as beside:
            for name, content in contents.items():
                (beside / FILES[name]).write_bytes(content)
    else:
        contents, models = cached
    notice = (resources.files(__package__) / "NOTICE.txt").read_bytes()
    return HandModels(contents[PALMS], contents[LANDMARKS], models, notice, digest, folder)


def float_networks(variant: str, progress: Progress) -> dict[str, bytes]:
    """The float networks ``palms`` and ``landmarks`` with the int8 ones' inputs and outputs.

    Raises:
        PlatformError: Google's models are not cached and cannot be downloaded.
    """
    found = originals(variant, progress)
    trimmed = {PALMS: palm_network, LANDMARKS: landmark_network}
    return {name: trimmed[name](content, name) for name, content in found.items()}


def _cached(folder: Path) -> tuple[dict[str, bytes], dict[str, Model]] | None:
    """Contents and descriptions; None where there are none, or damaged ones."""
    try:
        contents = {name: (folder / file).read_bytes() for name, file in FILES.items()}
        return contents, {name: describe(name, content) for name, content in contents.items()}
    except (OSError, QuantizationError):
        return None


def _make(request: HandModelsRequest, chosen: Sequence[Picture], progress: Progress) -> dict[str, bytes]:
    networks = float_networks(request.variant, progress)
    with progress.task("hands looked for", len(chosen)) as advance:
        calibration = collect(request.dataset, chosen, float_stage(networks), advance)
    contents = {}
    for name, pictures in calibration._asdict().items():
        with progress.task(f"{name}: ranges", len(pictures)) as advance:
            ranges = measure_ranges(networks[name], pictures, advance)
        fixed = {tensor: FIXED[tensor] for tensor in FIXED.keys() & ranges.keys()}
        contents[name] = quantize_network(networks[name], with_fixed(networks[name], ranges, fixed), name)
    return contents


def _digest(request: HandModelsRequest, chosen: Sequence[Picture]) -> str:
    sources = [original.sha256 for (_, variant), original in ORIGINALS.items() if variant == request.variant]
    packages = [importlib.metadata.version(name) for name in _PACKAGES]
    paths = [picture.path for picture in chosen]
    return digest_of(__version__, _METHOD, sources, packages, request.dataset.digest, paths, request.runtime)
