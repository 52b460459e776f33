"""Running labelled pictures through the device's own recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_asl.datasets.pixel_store import square_of
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.evaluation.metrics import Predictions
from edge_asl.evaluation.report import MOST_MISTAKES, Mistake
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import Input
from edge_asl_device.inference.recogniser import Recogniser


def predict(bundle: Path, dataset: Dataset, pictures: Sequence[Picture], progress: Progress) -> Predictions:
    """Run every picture through the device's ``Recogniser``; a labelled box says where the hand is.

    Raises:
        BundleError, RuntimeMissing: the bundle does not run here.
        PictureError: a picture cannot be read.
    """
    probabilities, latencies_ms = [], []
    with Recogniser.open(bundle) as recogniser, progress.task("classified", len(pictures)) as advance:
        order = {label: i for i, label in enumerate(recogniser.labels)}
        spec = recogniser.bundle.manifest.input
        for done, picture in enumerate(pictures, 1):
            frame = dataset.load(picture)
            found = recogniser.recognise(frame, square_of(frame, picture, spec) if picture.box else None)
            probabilities.append(found.probabilities)
            latencies_ms.append(sum(found.stages.values()) * 1000)
            advance(done)
    truth = np.array([order[picture.label] for picture in pictures], np.int64)
    signers = [picture.signer for picture in pictures]
    return Predictions(recogniser.labels, truth, np.stack(probabilities), signers, latencies_ms)


def most_confident_mistakes(
    dataset: Dataset, spec: Input, pictures: Sequence[Picture], predictions: Predictions
) -> list[Mistake]:
    """The wrong answers, the most confident first, each with the crop that the model saw."""
    answers = predictions.probabilities.argmax(axis=1)
    confidence = predictions.probabilities.max(axis=1)
    wrong = sorted(np.flatnonzero(answers != predictions.truth), key=lambda i: -confidence[i])[:MOST_MISTAKES]
    mistakes = []
    for i in wrong:
        picture, frame = pictures[i], dataset.load(pictures[i])
        seen = square_of(frame, picture, spec).cut(frame)
        answer = predictions.labels[answers[i]]
        mistakes.append(Mistake(picture.path, picture.label, answer, float(confidence[i]), seen))
    return mistakes
