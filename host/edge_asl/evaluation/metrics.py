"""From predictions to figures. Pure: arrays in, one struct out that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.errors import DataError
from edge_asl.evaluation.conditions import Conditions, ConditionScore, score_conditions
from edge_asl.evaluation.intervals import Interval, bootstrap_people, wilson
from edge_asl.evaluation.people import PersonScore, mean_accuracy, person_scores
from edge_asl.evaluation.reliability import (
    ReliabilityBin,
    ThresholdPoint,
    calibration_error,
    reliability_bins,
    threshold_point,
    threshold_points,
)
from edge_asl.evaluation.stress import StressScores
from edge_asl_device.contract.manifest import Metrics
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.text.buffer import NOTHING

CONFUSIONS = 10
NO_ANSWER = -1
"""In place of a class."""
IN_TURN = "left out in turn"
"""What a split says where each picture was read by a network that had not learned from its person."""

Probabilities = NDArray[np.float32]
Indices = NDArray[np.integer[Any]]


class Predictions(NamedTuple):
    """What a model answered for N pictures of C classes."""

    labels: tuple[str, ...]
    """The C class names in the order of the model's outputs."""
    truth: Indices
    """int (N,): indices into the labels."""
    probabilities: Probabilities
    """float32 (N, C), 0 to 1, of the int8 model; zeros where its hand stage found no hand."""
    signers: Sequence[str | None]
    """Who each picture shows; None if the data do not say."""
    latencies_ms: Sequence[float] = ()
    """How long recognitions took; any number of them."""
    probabilities_float: Probabilities | None = None
    """float32 (N, C), 0 to 1, of the float model, if it was run."""
    squares: Sequence[Square | None] = ()
    """Where the hand was seen in each picture; None: nowhere."""
    hand_stage: bool = False
    """Whether a hand stage looked for it; else it was taken to be in the middle."""
    threshold: float | None = None
    """From which probability on the device shows an answer."""
    conditions: Sequence[Conditions] = ()
    """Under what conditions each picture shows the hand, if somebody looked."""

    @property
    def answers(self) -> Indices:
        """int (N,): see ``answers_in``."""
        return answers_in(self.labels, self.probabilities)

    @property
    def right(self) -> NDArray[np.bool_]:
        """bool (N,): which pictures were read right."""
        right: NDArray[np.bool_] = self.answers == self.truth
        return right


def answers_in(labels: Sequence[str], probabilities: Probabilities) -> Indices:
    """int (N,): the class in front of each picture. Where no hand was found that is ``nothing``, as on the device, or
    ``NO_ANSWER`` of a model without it.
    """
    nobody = labels.index(NOTHING) if NOTHING in labels else NO_ANSWER
    return np.where(probabilities.max(axis=1) > 0, probabilities.argmax(axis=1), nobody)


class ClassScore(Struct, frozen=True):
    """One sign. None where a figure has no meaning."""

    label: str
    support: int
    """Pictures that show it."""
    precision: float | None
    """The fraction of the answers with this sign that were right; None: it was never answered."""
    recall: float | None
    """The fraction of the pictures of this sign that were recognised; None: there are none."""
    f1: float | None
    """Harmonic mean of the two; None: there are no pictures of it."""


class Confusion(Struct, frozen=True):
    """One kind of mistake."""

    truth: str
    predicted: str
    count: int
    share: float
    """As a fraction of the pictures of ``truth``."""


class Evaluation(Struct, frozen=True):
    """Everything measured on one split. Fractions are 0 to 1; unqualified figures are the int8 model's."""

    split: str
    labels: tuple[str, ...]
    pictures: int
    people: int | None
    """How many people the data name; None: nobody is named."""
    accuracy: float
    interval: Interval
    """Wilson, as if every picture were an independent draw."""
    interval_people: Interval | None
    """By bootstrap over people; None: fewer than two people, or pictures of unknown people."""
    top3: float
    macro_f1: float
    """Mean of the F1 of those classes that occur."""
    classes: tuple[ClassScore, ...]
    persons: tuple[PersonScore, ...]
    """The least accurate first."""
    mean_person: float | None
    """The mean of their accuracies, each person counting the same; None: nobody is named."""
    found: float | None
    """The fraction of the pictures of signs in which a hand was found; None: no hand stage looked for one."""
    shipped: ThresholdPoint | None
    """What remains above the bundle's own threshold."""
    conditions: tuple[ConditionScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows: truth, columns: answer, both in the order of ``labels``."""
    confusions: tuple[Confusion, ...]
    """The most frequent first, at most ten."""
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]
    thresholds: tuple[ThresholdPoint, ...]
    accuracy_float: float | None
    agreement: float | None
    """How often float and int8 give the same answer."""
    lost_points: float | None
    """Float accuracy minus int8 accuracy, in percentage points; negative: int8 is better."""
    median_ms: float | None
    p95_ms: float | None
    stress: StressScores | None = None
    """None: not measured."""


def evaluate_predictions(predictions: Predictions, split: str) -> Evaluation:
    """Measure the int8 model, and beside it the float one; ``split`` says which pictures: ``test by signer``.

    Raises:
        DataError: there is not a single picture.
        ValueError: the arrays' shapes do not match.
    """
    from sklearn.metrics import confusion_matrix

    _check(predictions, split)
    labels, truth, probabilities, signers, latencies_ms, probabilities_float = predictions[:6]
    answer, right, found = predictions.answers, predictions.right, _found(predictions)
    signs = truth != (labels.index(NOTHING) if NOTHING in labels else NO_ANSWER)
    matrix = confusion_matrix(truth, answer, labels=np.arange(len(labels)))
    classes, confidence = _class_scores(labels, truth, answer), probabilities.max(axis=1)
    spoken = confidence > 0  # where no hand was found, nothing was said that could be sure or unsure
    bins = reliability_bins(confidence[spoken], right[spoken])
    threshold = predictions.threshold
    answered = None if threshold is None else confidence >= threshold
    persons = person_scores(signers, right, found, signs, answered)
    plain = None if probabilities_float is None else answers_in(labels, probabilities_float)
    accuracy_float, agreement, lost_points = _against_float(plain, truth, answer)
    return Evaluation(
        split=split,
        labels=labels,
        pictures=len(truth),
        people=len(set(signers) - {None}) or None,
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(right)),
        interval_people=bootstrap_people(right, signers),
        top3=float((right | _top(probabilities, truth, 3)).mean()),
        macro_f1=float(np.mean([c.f1 for c in classes if c.f1 is not None])),
        classes=classes,
        persons=persons,
        mean_person=mean_accuracy(persons),
        found=None if found is None or not signs.any() else float(found[signs].mean()),
        shipped=None if threshold is None else threshold_point(threshold, confidence, right),
        conditions=score_conditions(predictions.conditions, right),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        confusions=_most_confused(labels, matrix, np.bincount(truth, minlength=len(labels))),
        calibration_error=calibration_error(bins),
        reliability=bins,
        thresholds=threshold_points(confidence, right),
        accuracy_float=accuracy_float,
        agreement=agreement,
        lost_points=lost_points,
        median_ms=float(np.median(latencies_ms)) if latencies_ms else None,
        p95_ms=float(np.percentile(latencies_ms, 95)) if latencies_ms else None,
    )


def _found(predictions: Predictions) -> NDArray[np.bool_] | None:
    """Whether a hand was found in each picture; None: no hand stage looked for one."""
    if not predictions.hand_stage:
        return None
    return np.array([square is not None for square in predictions.squares], bool)


def _against_float(
    answer_float: Indices | None, truth: Indices, answer: Indices
) -> tuple[float | None, float | None, float | None]:
    """The float model's accuracy, how often the int8 model agrees, and the percentage points that it loses."""
    if answer_float is None:
        return None, None, None
    accuracy_float = float((answer_float == truth).mean())
    agreement = float((answer_float == answer).mean())
    return accuracy_float, agreement, 100 * (accuracy_float - float((answer == truth).mean()))


def to_manifest_metrics(evaluation: Evaluation) -> Metrics:
    """The part of an evaluation that travels in the bundle's manifest."""
    return Metrics(
        split=evaluation.split,
        pictures=evaluation.pictures,
        people=evaluation.people,
        accuracy_int8=evaluation.accuracy,
        accuracy_low=evaluation.interval.low,
        accuracy_high=evaluation.interval.high,
        accuracy_float=evaluation.accuracy_float,
        top3_int8=evaluation.top3,
        agreement=evaluation.agreement,
        calibration_error=evaluation.calibration_error,
    )


def _class_scores(labels: tuple[str, ...], truth: Indices, answer: Indices) -> tuple[ClassScore, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        truth, answer, labels=np.arange(len(labels)), zero_division=np.nan
    )
    return tuple(
        ClassScore(
            label=label,
            support=int(support[i]),
            precision=_or_none(precision[i]),
            recall=_or_none(recall[i]),
            # A class that occurs and is never answered: precision is undefined, but F1 is 0.
            f1=float(f1[i]) if support[i] else None,
        )
        for i, label in enumerate(labels)
    )


def _most_confused(
    labels: tuple[str, ...], matrix: NDArray[np.int64], support: NDArray[np.int64]
) -> tuple[Confusion, ...]:
    rows, columns = np.nonzero(matrix)
    found = [
        Confusion(labels[r], labels[c], int(matrix[r, c]), float(matrix[r, c] / support[r]))
        for r, c in zip(rows, columns, strict=True)
        if r != c
    ]
    return tuple(sorted(found, key=lambda f: (-f.count, -f.share, f.truth, f.predicted))[:CONFUSIONS])


def _top(probability: Probabilities, truth: Indices, count: int) -> NDArray[np.bool_]:
    """bool (N,): whether the truth is among the classes in front; where nothing was answered, none is."""
    best = np.argsort(-probability, axis=1, kind="stable")[:, :count]  # ties in the labels' order, as on the device
    among: NDArray[np.bool_] = (best == truth[:, np.newaxis]).any(axis=1) & (probability.max(axis=1) > 0)
    return among


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _check(predictions: Predictions, split: str) -> None:
    labels, truth, signers = predictions.labels, predictions.truth, predictions.signers
    if len(truth) == 0:
        raise DataError(f"{split}: there are no pictures to evaluate; split the data again")
    for name in ("probabilities", "probabilities_float"):
        array, shape = getattr(predictions, name), (len(truth), len(labels))
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, found {array.shape}")
    if len(signers) != len(truth):
        raise ValueError(f"signers: expected {len(truth)}, found {len(signers)}")
    if truth.min() < 0 or truth.max() >= len(labels):
        raise ValueError(f"truth: expected 0 to {len(labels) - 1}, found {truth.min()} to {truth.max()}")
