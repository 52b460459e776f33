"""``edge-asl hands``: make or find the two models, compare them with the float ones, say what was found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.remarks import tell
from edge_asl.hands.calibration import choose_pictures
from edge_asl.hands.check import FILES
from edge_asl.hands.compare import Comparison, compare, find_both
from edge_asl.hands.engines import float_stage
from edge_asl.hands.models import PICTURES, HandModelsRequest, float_networks, hand_models
from edge_asl.hands.originals import keep_originals
from edge_asl.hands.sheet import write_sheet
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import LANDMARKS, PALMS
from edge_asl_device.inference.hands.stage import Engine

REPEATS = 30


class HandsRequest(NamedTuple):
    """What the user asked for."""

    data: Sequence[Path]
    layout: str = "auto"
    variant: str = "full"
    pictures: int = PICTURES
    seed: int = 0
    wheel: Path | None = None
    picture: Path | None = None
    """Where to draw the hands that differ most."""


class ModelReport(Struct, frozen=True):
    """One of the two models."""

    name: str
    file: str
    size: int
    """Bytes."""
    operators: int
    """Kinds of operators."""
    minimum_runtime: str
    float_ms: float
    """Processor time of one inference in one thread, on this machine: median of many."""
    int8_ms: float


class HandsReport(Struct, frozen=True):
    """What ``edge-asl hands`` made."""

    folder: str
    digest: str
    variant: str
    models: tuple[ModelReport, ...]
    comparison: Comparison


def make_hands(request: HandsRequest, progress: Progress) -> HandsReport:
    """Make the models, or find them in the cache, and compare them on pictures that did not set their ranges.

    Raises:
        DataError: the folder, the wheel or the number of hands is not what is needed.
        PlatformError: Google's models cannot be downloaded.
        QuantizationError: the result is not full int8, or a runtime refuses it.
    """
    if request.wheel is not None:
        keep_originals(request.wheel)
    dataset = read_dataset(request.data, request.layout, least=1)
    tell(dataset, progress)
    wanted = HandModelsRequest(dataset, dataset.pictures, request.variant, request.pictures, request.seed)
    made = hand_models(wanted, progress)
    plain = float_stage(float_networks(request.variant, progress))
    used = {picture.path for picture in choose_pictures(dataset.pictures, request.pictures, request.seed)}
    others = [picture for picture in dataset.pictures if picture.path not in used] or list(dataset.pictures)
    chosen = choose_pictures(others, request.pictures, request.seed)
    quantized = made.stage()
    with progress.task("compared", len(chosen)) as advance:
        pairs = find_both(dataset, chosen, plain.stage, quantized, advance)
    if request.picture is not None:
        write_sheet(request.picture, pairs)
    engines = {PALMS: plain.palms, LANDMARKS: plain.landmarks}
    reports = []
    for name, engine in made.engines().items():
        model, size = made.models[name], len(getattr(made, name))
        times = [_median_ms(run) for run in (engines[name], engine)]
        reports.append(ModelReport(name, FILES[name], size, len(model.operators), model.minimum_runtime, *times))
    return HandsReport(str(made.folder), made.digest, request.variant, tuple(reports), compare(pairs))


def format_report(report: HandsReport) -> str:
    """The report as lines for a terminal."""
    found = report.comparison
    lines = [f"{report.folder}: {report.variant}", ""]
    for model in report.models:
        lines.append(
            f"{model.file:<17} {model.size / 1e6:.2f} MB, TensorFlow Lite {model.minimum_runtime} or later, "
            f"{model.float_ms:.1f} ms in float, {model.int8_ms:.1f} ms in int8 (one thread, this machine)"
        )
    lines += [
        "",
        f"{found.pictures} pictures: a hand in {found.found_float} (float) and {found.found_int8} (int8); "
        f"{found.missed} missed by int8 only, {found.others} with another hand",
        f"landmarks differ by {found.error:.1%} of the hand's size on average, "
        f"by less than {found.error_p95:.1%} in 19 of 20; the side differs in {found.sides}",
    ]
    return "\n".join(lines)


def _median_ms(engine: Engine) -> float:
    picture = np.zeros(engine.spec.inputs[0].shape, np.int8)
    times = []
    for _ in range(REPEATS):
        started = time.thread_time()
        engine.invoke(picture)
        times.append(time.thread_time() - started)
    return 1000 * float(np.median(times))
