"""Reading the stress set through the device's own recogniser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.datasets.units import random_key
from edge_asl.evaluation.metrics import Probabilities, answers_in
from edge_asl.evaluation.stress import CORRUPTIONS, VERSION, Corruption, CorruptionScore, StressScores, corrupt
from edge_asl.progress import Progress
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.locator import CentreSquare
from edge_asl_device.inference.recogniser import Recogniser
from edge_asl_device.inference.recognition import Recognition

MOST = 400
"""Pictures; each is read once for every corruption."""


def predict_stressed(
    recogniser: Recogniser,
    dataset: Dataset,
    pictures: Sequence[Picture],
    squares: Sequence[Square | None],
    plain: Sequence[bool],
    held: Callable[[Probabilities], Probabilities],
    progress: Progress,
) -> StressScores:
    """Read up to ``MOST`` of ``pictures``, the same number of each label, with every corruption.

    Args:
        recogniser: the bundle's.
        dataset: where the pictures are read from.
        pictures: what to choose from.
        squares: where the hand is in each, as it was found; None: nowhere, and its middle is taken.
        plain: whether each was read right as it is.
        held: what is made of the probabilities of a picture, float32 (classes,).
        progress: shows how far it is.

    Raises:
        PictureError: a picture cannot be read.
    """
    chosen = choose(pictures, MOST)
    number = {label: i for i, label in enumerate(recogniser.labels)}
    right = np.zeros((len(chosen), len(CORRUPTIONS)), bool)
    found = right.copy()
    with progress.task("stress set", len(chosen)) as advance:
        for done, row in enumerate(chosen):
            picture = pictures[row]
            frame = dataset.load(picture)
            square = squares[row] or CentreSquare().locate(frame)
            for column, corruption in enumerate(CORRUPTIONS):
                seen = _read(recogniser, corruption, frame, square, picture)
                right[done, column] = _answer(recogniser, held(seen.probabilities)) == number[picture.label]
                found[done, column] = seen.square is not None
            advance(done + 1)
    scores = [
        CorruptionScore(corruption.name, corruption.strength, float(right[:, i].mean()), float(found[:, i].mean()))
        for i, corruption in enumerate(CORRUPTIONS)
    ]
    accuracies = [score.accuracy for score in scores]
    as_they_are = float(np.mean([plain[row] for row in chosen]))
    return StressScores(VERSION, len(chosen), as_they_are, float(np.mean(accuracies)), min(accuracies), tuple(scores))


def _answer(recogniser: Recogniser, probabilities: Probabilities) -> int:
    return int(answers_in(recogniser.labels, probabilities[np.newaxis])[0])


def _read(
    recogniser: Recogniser, corruption: Corruption, frame: Frame, square: Square, picture: Picture
) -> Recognition:
    stressed = corrupt(corruption, frame, square, picture.path)
    return recogniser.recognise(stressed.frame, stressed.square if picture.box else None)


def choose(pictures: Sequence[Picture], most: int) -> list[int]:
    """The rows of at most ``most`` pictures, about as many of each label, the same ones in every run."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for row in sorted(range(len(pictures)), key=lambda row: random_key(VERSION, pictures[row].path)):
        by_label[pictures[row].label].append(row)
    turns = sorted((turn, label, row) for label, rows in by_label.items() for turn, row in enumerate(rows))
    return sorted(row for _, _, row in turns[:most])
