"""Reading a data set through the device's own recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import square_of
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.splits import read_split
from edge_asl.datasets.types import Dataset, Picture, Split
from edge_asl.errors import DataError
from edge_asl.evaluation.metrics import Evaluation, evaluate_predictions
from edge_asl.evaluation.report import MOST_MISTAKES, Mistake, write_report
from edge_asl.pipeline.bundle import work_folder
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import Bundle, Input, read_bundle
from edge_asl_device.inference.recogniser import Recogniser


class Answers(NamedTuple):
    """What the recogniser said of N pictures."""

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    """int64 (N,): indices into the labels."""
    probabilities: NDArray[np.float32]
    """float32 (N, C), 0 to 1."""
    milliseconds: list[float]
    """All stages of each picture."""


def classify_all(bundle: Path, dataset: Dataset, pictures: Sequence[Picture], progress: Progress) -> Answers:
    """Run every picture through the device's ``Recogniser``; a labelled box says where the hand is.

    Raises:
        BundleError, RuntimeMissing: the bundle does not run here.
        PictureError: a picture cannot be read.
    """
    probabilities, milliseconds = [], []
    with Recogniser.open(bundle) as recogniser, progress.task("classified", len(pictures)) as advance:
        order = {label: i for i, label in enumerate(recogniser.labels)}
        spec = recogniser.bundle.manifest.input
        for done, picture in enumerate(pictures, 1):
            frame = dataset.load(picture)
            found = recogniser.recognise(frame, square_of(frame, picture, spec) if picture.box else None)
            probabilities.append(found.probabilities)
            milliseconds.append(sum(found.stages.values()) * 1000)
            advance(done, "")
    truth = np.array([order[picture.label] for picture in pictures], np.int64)
    return Answers(recogniser.labels, truth, np.stack(probabilities), milliseconds)


def worst_mistakes(dataset: Dataset, spec: Input, pictures: Sequence[Picture], answers: Answers) -> list[Mistake]:
    """The wrong answers, the surest first, with what the model saw of them."""
    best = answers.probabilities.argmax(axis=1)
    sure = answers.probabilities.max(axis=1)
    wrong = sorted(np.flatnonzero(best != answers.truth), key=lambda i: -sure[i])[:MOST_MISTAKES]
    mistakes = []
    for i in wrong:
        picture, frame = pictures[i], dataset.load(pictures[i])
        seen = square_of(frame, picture, spec).cut(frame)
        mistakes.append(Mistake(picture.path, picture.label, answers.labels[best[i]], float(sure[i]), seen))
    return mistakes


def describe_split(split: Split, dataset: Dataset) -> str:
    """``by signer: 1163 train, 250 validation, 249 test pictures; 27 people in test``."""
    sizes = ", ".join(f"{len(paths)} {part}" for part, paths in split.parts.items())
    signer = {picture.path: picture.signer for picture in dataset.pictures}
    people = {signer[path] for path in split.parts["test"]} - {None}
    known = f"; {len(people)} people in test" if people else ""
    return f"by {split.how}: {sizes} pictures{known}"


def evaluate_bundle(
    folder: Path, data: Path, part: str, layout: str, report: Path | None, progress: Progress
) -> Evaluation:
    """Measure a bundle on a folder of labelled pictures.

    Args:
        folder: the bundle.
        data: the pictures; those whose label the bundle does not know are left out, and said so.
        part: ``train``, ``validation``, ``test``, ``all``, or ``auto``: test where the data are those that the bundle
            was built from, else all.
        layout: as for ``read_dataset``.
        report: where to write an HTML report, or None.
        progress: told what goes on.

    Raises:
        EdgeAslError: bundle or data cannot be read, or no split of these data is known.
    """
    bundle = read_bundle(folder)
    dataset = read_dataset(data, layout)
    pictures, split, warning = _chosen(bundle, dataset, part)
    if warning:
        progress.say(f"warning: {warning}")
    unknown = sorted({p.label for p in pictures} - set(bundle.labels))
    known = [picture for picture in pictures if picture.label in bundle.labels]
    if not known:
        raise DataError(
            f"{data}: expected pictures of {', '.join(bundle.labels)}, found only {', '.join(unknown)}; "
            "this bundle was built for other signs"
        )
    if unknown:
        progress.say(f"left out {len(pictures) - len(known)} pictures of {', '.join(unknown)}: not in this bundle")
    answers = classify_all(folder, dataset, known, progress)
    evaluation = evaluate_predictions(
        labels=bundle.labels,
        truth=answers.truth,
        probabilities_int8=answers.probabilities,
        probabilities_float=None,
        signers=[picture.signer for picture in known],
        split=f"{data.resolve().name}, {split}",
        invoke_ms=answers.milliseconds,
    )
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        write_report(
            report,
            evaluation,
            title=f"{bundle.manifest.name} on {data.resolve().name}",
            facts={"bundle": bundle.digest[:16], "version": bundle.manifest.version, "data": dataset.digest[:16]},
            mistakes=worst_mistakes(dataset, bundle.manifest.input, known, answers),
            shares_people=False,
            warnings=[warning] if warning else [],
        )
    return evaluation


def _chosen(bundle: Bundle, dataset: Dataset, part: str) -> tuple[list[Picture], str, str | None]:
    """The pictures of ``part``, what to call them, and what is to be said of them."""
    same = bundle.manifest.provenance.data_digest == dataset.digest
    if part == "all" or (part == "auto" and not same):
        trained_on = "these include the pictures that the bundle was trained on; strangers are read worse"
        return list(dataset.pictures), "all pictures", trained_on if same else None
    part = "test" if part == "auto" else part
    path = work_folder(bundle.folder) / "split.json"
    if not path.is_file():
        raise DataError(
            f"{path}: expected the split that the bundle was built with, found none; --split all takes every picture"
        )
    split = read_split(path, dataset)
    wanted = set(split.parts[part])
    return (
        [picture for picture in dataset.pictures if picture.path in wanted],
        f"{part} by {split.how}",
        (None if part == "test" else f"the {part} part took part in training; strangers are read worse"),
    )
