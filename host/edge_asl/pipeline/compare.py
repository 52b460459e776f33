"""``edge-asl compare``: several finished bundles on the same pictures, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2

from edge_asl.datasets.labels import Choice, order_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.remarks import tell
from edge_asl.datasets.types import Dataset
from edge_asl.errors import DataError
from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl.evaluation.paired import paired
from edge_asl.evaluation.pareto import pareto_front
from edge_asl.evaluation.predictions import held_still, predict_together
from edge_asl.evaluation.side_by_side import Contestant, SideBySide
from edge_asl.evaluation.side_by_side_page import write_side_by_side
from edge_asl.pipeline.common_pictures import Common, common_pictures
from edge_asl.pipeline.writable import check_report
from edge_asl.progress import Progress
from edge_asl.tflite.facts import model_facts
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import HandManifest

NOISE = 0.03
"""Medians that differ by a smaller share are equally quick: so much differs between two runs of one model."""


class Measured(NamedTuple):
    """What is known of bundles before they are compared."""

    names: Sequence[str]
    """What each is called; their folders may all have one name."""
    device: str
    milliseconds: Sequence[float]
    """Of each, on the device."""
    notes: tuple[str, ...] = ()
    """What else the page should say, without the full stop."""


def compare_bundles(
    folders: Sequence[Path],
    data: Sequence[Path],
    part: str,
    layout: str,
    report: Path | None,
    progress: Progress,
    only: Choice | None = None,
    measured: Measured | None = None,
    signer_pattern: str | None = None,
) -> SideBySide:
    """Measure bundles on the same pictures, of signs that all know, in one run on one thread.

    Args:
        folders: the bundles, two or more; the others are compared with the first.
        data: the folders of pictures, read as one.
        part: ``train``, ``validation``, ``test``: of the split of those bundles that were built from these data;
            ``all``; ``auto``: the pictures that no bundle has learned from.
        layout: as for ``read_dataset``.
        report: where to write an HTML page, if anywhere.
        progress: shows how far it is.
        only: as for ``evaluate_bundle``.
        signer_pattern: as for ``read_dataset``.
        measured: their names, and their times on a device, which then count.

    Raises:
        EdgeAslError: a bundle or the data cannot be read, a bundle is named twice, or no picture is left.
    """
    check_report(report)
    names = _names_of(folders) if measured is None else measured.names
    bundles = {name: read_bundle(folder) for name, folder in zip(names, folders, strict=True)}
    dataset = read_dataset(data, layout, signer_pattern=signer_pattern, least=1)
    tell(dataset, progress)
    common = common_pictures(bundles, dataset, part, only)
    progress.say(f"{len(common.pictures)} pictures, {common.split}")
    with _one_thread():
        answers = predict_together(folders, dataset, common.pictures, progress)
    if only is not None or common.left_out:
        answers = [held_still(predictions) for predictions in answers]
    result = _side_by_side(bundles, dataset, common, answers, measured)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        write_side_by_side(report, result)
    return result


def _names_of(folders: Sequence[Path]) -> list[str]:
    if len(folders) < 2:
        raise DataError("expected two bundles or more to compare, found one; edge-asl evaluate measures one")
    twice = [folder for folder, count in Counter(folder.resolve() for folder in folders).items() if count > 1]
    if twice:
        raise DataError(f"{twice[0]}: expected different bundles, found this one twice; name it once")
    names = [folder.resolve().name for folder in folders]
    return [str(f) if names.count(name) > 1 else name for f, name in zip(folders, names, strict=True)]


def _side_by_side(
    bundles: Mapping[str, Bundle],
    dataset: Dataset,
    common: Common,
    answers: Sequence[Predictions],
    measured: Measured | None,
) -> SideBySide:
    evaluations = [evaluate_predictions(one, f"{dataset.title}, {common.split}") for one in answers]
    right = [one.right for one in answers]
    signers = [picture.signer for picture in common.pictures]
    facts = [[model_facts(bundle.spec(name).path) for name in bundle.models] for bundle in bundles.values()]
    sizes = [sum(model.size for model in models) for models in facts]
    accuracies = [one.accuracy for one in evaluations]
    device = [None] * len(bundles) if measured is None else measured.milliseconds
    times = [there or one.median_ms or 0.0 for there, one in zip(device, evaluations, strict=True)]
    by_size = pareto_front(list(zip(sizes, accuracies, strict=True)))
    by_time = pareto_front(list(zip(times, accuracies, strict=True)), NOISE)
    contestants = [
        Contestant(
            name,
            bundle.manifest.version,
            bundle.digest,
            "hand" if isinstance(bundle.manifest, HandManifest) else "square",
            sizes[i],
            sum(model.multiply_accumulates for model in facts[i]),
            evaluations[i],
            paired(right[0], right[i], signers) if i else None,
            by_size[i],
            by_time[i],
            device[i],
        )
        for i, (name, bundle) in enumerate(bundles.items())
    ]
    return SideBySide(
        data=dataset.title,
        split=common.split,
        pictures=len(common.pictures),
        people=evaluations[0].people,
        labels=order_labels(picture.label for picture in common.pictures),
        left_out=common.left_out,
        unknown=common.unknown,
        learned=common.learned,
        warnings=common.warnings + (measured.notes if measured else ()),
        bundles=tuple(contestants),
        device=measured and measured.device,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV as the models: on one thread, so that a time does not depend on how many cores are idle."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
