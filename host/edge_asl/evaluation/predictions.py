"""Running labelled pictures through the device's own recogniser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.evaluation.conditions import conditions_of
from edge_asl.evaluation.metrics import Predictions, Probabilities
from edge_asl.evaluation.report import MOST_MISSED, MOST_MISTAKES, HandsSeen, Mistake, SeenPicture, evenly
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import MARGIN, HandManifest, SquareManifest
from edge_asl_device.contract.preprocess import square_around
from edge_asl_device.inference.recogniser import Recogniser
from edge_asl_device.text.buffer import NOTHING
from edge_asl_device.text.held_letters import HELD_AS, Folding


def predict(bundle: Path, dataset: Dataset, pictures: Sequence[Picture], progress: Progress) -> Predictions:
    """Run every picture through the device's ``Recogniser``; a labelled box says where the hand is.

    Raises:
        BundleError, RuntimeMissing: the bundle does not run here.
        PictureError: a picture cannot be read.
    """
    probabilities, latencies_ms, squares, conditions = [], [], [], []
    with Recogniser.open(bundle) as recogniser, progress.task("classified", len(pictures)) as advance:
        order = {label: i for i, label in enumerate(recogniser.labels)}
        manifest = recogniser.bundle.manifest
        hand_stage = isinstance(manifest, HandManifest)
        margin = manifest.input.margin if isinstance(manifest, SquareManifest) else MARGIN
        for done, picture in enumerate(pictures, 1):
            frame = dataset.load(picture)
            known = square_around(picture.box, frame.shape[0], frame.shape[1], margin) if picture.box else None
            found = recogniser.recognise(frame, known)
            squares.append(found.square)
            looked = hand_stage or known is not None
            square = found.square if looked else None
            conditions.append(conditions_of(frame, square, found.landmarks, found.left))
            probabilities.append(found.probabilities)
            latencies_ms.append(sum(found.stages.values()) * 1000)
            advance(done)
    truth = np.array([order[picture.label] for picture in pictures], np.int64)
    signers = [picture.signer for picture in pictures]
    return Predictions(
        recogniser.labels,
        truth,
        np.stack(probabilities),
        signers,
        latencies_ms,
        squares=squares,
        hand_stage=hand_stage,
        threshold=manifest.decoder.accept_probability,
        conditions=conditions,
    )


def holding(predictions: Predictions) -> Callable[[Probabilities], Probabilities]:
    """What the live program makes of a picture's probabilities (classes,) if the hand draws nothing: never J or Z.

    Nothing, if one of the pictures shows one of these, or if no hand stage follows the hand.
    """
    labels = predictions.labels
    if {labels[number] for number in predictions.truth} & HELD_AS.keys() or not predictions.hand_stage:
        return lambda probabilities: probabilities
    return Folding(labels).held


def held_still(predictions: Predictions) -> Predictions:
    """The same, read as the live program reads a hand that draws nothing (``holding``)."""
    held, plain = holding(predictions), predictions.probabilities_float
    return predictions._replace(
        probabilities=np.stack([held(row) for row in predictions.probabilities]),
        probabilities_float=None if plain is None else np.stack([held(row) for row in plain]),
    )


def most_confident_mistakes(dataset: Dataset, pictures: Sequence[Picture], predictions: Predictions) -> list[Mistake]:
    """The wrong answers, the most confident first, each with the part of the picture that was read."""
    answers = predictions.probabilities.argmax(axis=1)
    confidence = predictions.probabilities.max(axis=1)
    wrong = sorted(np.flatnonzero(answers != predictions.truth), key=lambda i: -confidence[i])[:MOST_MISTAKES]
    mistakes = []
    for i in wrong:
        picture, frame = pictures[i], dataset.load(pictures[i])
        square = predictions.squares[i]
        seen = frame if square is None else square.cut(frame)
        answer = predictions.labels[answers[i]]
        mistakes.append(Mistake(picture.path, picture.label, answer, float(confidence[i]), seen))
    return mistakes


def hands_seen(dataset: Dataset, pictures: Sequence[Picture], predictions: Predictions) -> HandsSeen | None:
    """For the report: a hand found for each sign, and the pictures in which none was; None without a hand stage."""
    if not predictions.hand_stage:
        return None
    found: dict[str, SeenPicture] = {}
    missed: list[Picture] = []
    for picture, square in zip(pictures, predictions.squares, strict=True):
        if square is None and picture.label != NOTHING:
            missed.append(picture)
        elif square is not None and picture.label not in found:
            found[picture.label] = SeenPicture(picture.path, picture.label, square.cut(dataset.load(picture)))
    shown = [SeenPicture(p.path, p.label, dataset.load(p)) for p in evenly(missed, MOST_MISSED)]
    return HandsSeen([found[label] for label in order_labels(found)], shown, [picture.path for picture in missed])
