"""Running labelled pictures through the device's own recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.evaluation.metrics import Predictions
from edge_asl.evaluation.report import MOST_MISTAKES, Mistake
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import MARGIN, SquareManifest
from edge_asl_device.contract.preprocess import square_around
from edge_asl_device.inference.recogniser import Recogniser


def predict(bundle: Path, dataset: Dataset, pictures: Sequence[Picture], progress: Progress) -> Predictions:
    """Run every picture through the device's ``Recogniser``; a labelled box says where the hand is.

    Raises:
        BundleError, RuntimeMissing: the bundle does not run here.
        PictureError: a picture cannot be read.
    """
    probabilities, latencies_ms, squares = [], [], []
    with Recogniser.open(bundle) as recogniser, progress.task("classified", len(pictures)) as advance:
        order = {label: i for i, label in enumerate(recogniser.labels)}
        manifest = recogniser.bundle.manifest
        margin = manifest.input.margin if isinstance(manifest, SquareManifest) else MARGIN
        for done, picture in enumerate(pictures, 1):
            frame = dataset.load(picture)
            known = square_around(picture.box, frame.shape[0], frame.shape[1], margin) if picture.box else None
            found = recogniser.recognise(frame, known)
            squares.append(found.square)
            probabilities.append(found.probabilities)
            latencies_ms.append(sum(found.stages.values()) * 1000)
            advance(done)
    truth = np.array([order[picture.label] for picture in pictures], np.int64)
    signers = [picture.signer for picture in pictures]
    return Predictions(recogniser.labels, truth, np.stack(probabilities), signers, latencies_ms, squares=squares)


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
