"""Running labelled pictures through the device's own recogniser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from edge_asl.datasets.broken import Broken
from edge_asl.datasets.labels import order_labels
from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.evaluation.conditions import Conditions, conditions_of
from edge_asl.evaluation.metrics import Predictions, Probabilities
from edge_asl.evaluation.report import MOST_MISSED, MOST_MISTAKES, HandsSeen, Mistake, SeenPicture, evenly
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import MARGIN, HandManifest, SquareManifest
from edge_asl_device.contract.preprocess import square_around
from edge_asl_device.inference.recogniser import Recogniser
from edge_asl_device.inference.recognition import Recognition
from edge_asl_device.text.buffer import NOTHING
from edge_asl_device.text.held_letters import HELD_AS, Folding


def predict(bundle: Path, dataset: Dataset, pictures: Sequence[Picture], progress: Progress) -> Predictions:
    """Run every picture through the device's ``Recogniser``; a labelled box says where the hand is.

    Raises:
        BundleError, RuntimeMissing: the bundle does not run here.
        PictureError: a picture cannot be read.
    """
    return predict_together([bundle], dataset, pictures, progress)[0]


def predict_together(
    bundles: Sequence[Path], dataset: Dataset, pictures: Sequence[Picture], progress: Progress
) -> list[Predictions]:
    """The same with several bundles, all in one run: each picture is read by one after the other, and each is first
    equally often. So their times compare, whatever else the machine does meanwhile.

    Raises:
        BundleError, RuntimeMissing, PictureError: as for ``predict``.
    """
    with ExitStack() as opened, progress.task("classified", len(pictures)) as advance:
        readers = [_Reader(opened.enter_context(Recogniser.open(bundle))) for bundle in bundles]
        broken = Broken(dataset)
        for done, picture in enumerate(pictures):
            frame, first = broken.load(picture), done % len(readers)
            if frame is not None and not broken:
                for reader in (*readers[first:], *readers[:first]):
                    reader.read(picture, frame)
            advance(done + 1)
        broken.complain()
        return [reader.predictions(pictures) for reader in readers]


class _Reader:
    """One bundle, and what it answered so far."""

    def __init__(self, recogniser: Recogniser) -> None:
        manifest = recogniser.bundle.manifest
        self._recogniser = recogniser
        self._hand_stage = isinstance(manifest, HandManifest)
        self._margin = manifest.input.margin if isinstance(manifest, SquareManifest) else MARGIN
        self._found: list[Recognition] = []
        self._conditions: list[Conditions] = []

    def read(self, picture: Picture, frame: Frame) -> None:
        """Recognise one picture; only what ``predictions`` needs of it is kept, not its pixels."""
        known = square_around(picture.box, frame.shape[0], frame.shape[1], self._margin) if picture.box else None
        found = self._recogniser.recognise(frame, known)
        looked = self._hand_stage or known is not None
        square = found.square if looked else None
        self._conditions.append(conditions_of(frame, square, found.landmarks, found.left))
        self._found.append(found._replace(hand=None))

    def _probabilities(self, found: Recognition) -> Probabilities:
        """As ``Predictions`` wants them: ``nothing`` is what a device says of no hand, not of what a picture shows."""
        nobody = self._hand_stage and found.square is None
        return np.zeros_like(found.probabilities) if nobody else found.probabilities

    def predictions(self, pictures: Sequence[Picture]) -> Predictions:
        """All answers; ``pictures`` are those that were read."""
        order = {label: i for i, label in enumerate(self._recogniser.labels)}
        return Predictions(
            self._recogniser.labels,
            np.array([order[picture.label] for picture in pictures], np.int64),
            np.stack([self._probabilities(found) for found in self._found]),
            [picture.signer for picture in pictures],
            [sum(found.stages.values()) * 1000 for found in self._found],
            squares=[found.square for found in self._found],
            hand_stage=self._hand_stage,
            threshold=self._recogniser.bundle.manifest.decoder.accept_probability,
            conditions=self._conditions,
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
    answers, confidence = predictions.answers, predictions.probabilities.max(axis=1)
    # Where no hand was found nothing was answered; the report shows these pictures elsewhere.
    wrong = sorted(np.flatnonzero(~predictions.right & (confidence > 0)), key=lambda i: -confidence[i])
    mistakes = []
    for i in wrong[:MOST_MISTAKES]:
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
