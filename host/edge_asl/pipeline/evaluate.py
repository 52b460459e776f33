"""``edge-asl evaluate``: measuring a finished bundle on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from edge_asl.datasets.labels import Choice
from edge_asl.datasets.people import all_named
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.evaluation.kept import FILE, chosen_rows, kept_predictions
from edge_asl.evaluation.metrics import Evaluation, Predictions, Probabilities, evaluate_predictions
from edge_asl.evaluation.predictions import hands_seen, held_still, holding, most_confident_mistakes, predict
from edge_asl.evaluation.report import write_report
from edge_asl.evaluation.stress import StressScores
from edge_asl.evaluation.stressed import predict_stressed
from edge_asl.pipeline.bundle import work_folder
from edge_asl.pipeline.chosen_pictures import choose_part, choose_signs, read_known
from edge_asl.pipeline.people import left_out_in_turn
from edge_asl.pipeline.writable import check_report
from edge_asl.progress import Progress
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import Metrics
from edge_asl_device.inference.recogniser import Recogniser

LEFT_OUT = "left-out"
FAR = 0.1
"""A loss of so much accuracy from the own test pictures to other people's is more than chance and other light."""


def evaluate_bundle(
    folder: Path,
    data: Sequence[Path],
    part: str,
    layout: str,
    report: Path | None,
    progress: Progress,
    only: Choice | None = None,
    stress: bool = False,
    signer_pattern: str | None = None,
) -> Evaluation:
    """Measure a bundle on folders of labelled pictures; those with labels unknown to the bundle are left out.

    Args:
        folder: the bundle.
        data: the folders, read as one.
        part: ``train``, ``validation``, ``test``, ``all``; ``auto``: test if these are the data that the bundle was
            built from, else all; ``left-out``: what the build found of people whom it left out in turn.
        layout: as for ``read_dataset``.
        report: where to write an HTML report, if anywhere.
        progress: shows how far it is.
        only: pictures of these signs are measured, while the model answers with all that it knows; but if no drawn
            letter is among them, a hand is not taken to draw one, as in the live program.
        stress: measure the stress set as well.
        signer_pattern: as for ``read_dataset``; the build's, if these are its data and it had one.

    Raises:
        EdgeAslError: bundle or data cannot be read, or no split of these data is known.
    """
    check_report(report)
    bundle = read_bundle(folder)
    dataset = read_known(bundle, data, layout, progress, signer_pattern)
    if part == LEFT_OUT:
        pictures, predictions, split, strangers = _left_out(bundle, dataset, only)
        warning = None
        if not strangers:
            progress.say("warning: the same people may be in training and in test; this says nothing of strangers")
    else:
        strangers = True
        pictures, split, warning = choose_part(bundle, dataset, part)
        if not pictures:
            raise DataError(
                f"{dataset.name}: no picture is {split}; --leave-one-out measures people whom a build "
                "left out in turn, --split all takes every picture"
            )
        pictures, split = choose_signs(pictures, only, split)
        predictions = predict(folder, dataset, pictures, progress)
    if warning:
        progress.say(f"warning: {warning}")
    read = predictions if only is None else held_still(predictions)
    evaluation = evaluate_predictions(read, f"{dataset.title}, {split}")
    if stress:
        held = _unchanged if only is None else holding(predictions)
        stood = _stress(bundle, dataset, pictures, read, held, progress)
        evaluation = msgspec.structs.replace(evaluation, stress=stood)
    alarm = only_at_home(bundle.manifest.metrics, evaluation)
    if alarm:
        progress.say(f"warning: {alarm}")
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        write_report(
            report,
            evaluation,
            title=f"{bundle.manifest.name} on {dataset.title}",
            facts={"bundle": bundle.digest[:16], "version": bundle.manifest.version, "data": dataset.digest[:16]},
            mistakes=most_confident_mistakes(dataset, pictures, read),
            shares_people=not strangers,
            warnings=[*([warning] if warning else []), *dataset.warnings],
            alarm=alarm,
            hands=hands_seen(dataset, pictures, predictions),
        )
    return evaluation


def _left_out(bundle: Bundle, dataset: Dataset, only: Choice | None) -> tuple[list[Picture], Predictions, str, bool]:
    """Pictures, what was answered, in words what these are, and whether these answers are for strangers."""
    everybody, predictions = kept_predictions(work_folder(bundle.folder) / FILE, dataset)
    pictures, split = choose_signs(everybody, only, left_out_in_turn(predictions.signers))
    kept = set(pictures)
    rows = [row for row, picture in enumerate(everybody) if picture in kept]
    return pictures, chosen_rows(predictions, rows), split, all_named(predictions.signers)


def _stress(
    bundle: Bundle,
    dataset: Dataset,
    pictures: Sequence[Picture],
    predictions: Predictions,
    held: Callable[[Probabilities], Probabilities],
    progress: Progress,
) -> StressScores:
    plain = predictions.right.tolist()
    with Recogniser(bundle) as recogniser:
        return predict_stressed(recogniser, dataset, pictures, predictions.squares, plain, held, progress)


def _unchanged(probabilities: Probabilities) -> Probabilities:
    return probabilities


def only_at_home(own: Metrics | None, evaluation: Evaluation) -> str | None:
    """What to say, in red, of a model that reads strangers far worse than its own test pictures."""
    if own is None or own.accuracy_int8 - evaluation.accuracy < FAR:
        return None
    return (
        f"This model is good only at home: {own.accuracy_int8:.0%} right on its own {own.split}, "
        f"{evaluation.accuracy:.0%} on these pictures."
    )
