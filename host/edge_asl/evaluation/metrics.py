"""From predictions to figures. Pure: arrays in, one JSON-able struct out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.errors import DataError
from edge_asl.evaluation.intervals import Interval, bootstrap_people, wilson
from edge_asl.evaluation.reliability import (
    CalibrationBin,
    ThresholdPoint,
    calibration_bins,
    calibration_error,
    threshold_points,
)
from edge_asl_device.contract.manifest import Metrics

CONFUSIONS = 10

Probabilities = NDArray[np.float32]
Indices = NDArray[np.integer[Any]]


class ClassScore(Struct, frozen=True):
    """One sign. None where a figure has no meaning: nothing to find, or nothing claimed."""

    label: str
    support: int
    """Pictures that show it."""
    precision: float | None
    """Of the answers that said so, how many were right; None: it was never answered."""
    recall: float | None
    """Of the pictures that show it, how many were named; None: no picture shows it."""
    f1: float | None
    """Harmonic mean of the two; None: no picture shows it."""


class PersonScore(Struct, frozen=True):
    """One person."""

    person: str
    pictures: int
    accuracy: float
    interval: Interval
    """Wilson, over this person's pictures."""


class Confusion(Struct, frozen=True):
    """One kind of mistake."""

    truth: str
    predicted: str
    count: int
    share: float
    """Of the pictures that show ``truth``."""


class Evaluation(Struct, frozen=True):
    """Everything measured on one split. Fractions are 0 to 1; unqualified figures are the int8 model's."""

    split: str
    labels: tuple[str, ...]
    pictures: int
    people: int | None
    """How many people are known by name in the data; None: nobody is."""
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
    """The worst first."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows: truth, columns: answer, both in the order of ``labels``."""
    confusions: tuple[Confusion, ...]
    """The most frequent first, at most ten."""
    calibration_error: float
    calibration: tuple[CalibrationBin, ...]
    thresholds: tuple[ThresholdPoint, ...]
    accuracy_float: float | None
    agreement: float | None
    """How often float and int8 name the same class."""
    loss_points: float | None
    """Float accuracy minus int8 accuracy, in percentage points; negative: int8 is better."""
    median_ms: float | None
    p95_ms: float | None


def evaluate_predictions(
    *,
    labels: tuple[str, ...],
    truth: Indices,
    probabilities_int8: Probabilities,
    probabilities_float: Probabilities | None,
    signers: Sequence[str | None],
    split: str,
    invoke_ms: Sequence[float] | None,
) -> Evaluation:
    """Measure the int8 model, and beside it the float one, on N pictures of C classes.

    Args:
        labels: The C class names in the order of the model's outputs.
        truth: int (N,), indices into ``labels``.
        probabilities_int8: float32 (N, C), 0 to 1, of the quantized model.
        probabilities_float: The same of the float model, where it was run.
        signers: Who each of the N pictures shows, None where the data do not say.
        split: Which pictures, for the reader: ``test by signer``.
        invoke_ms: How long inferences took, in milliseconds; any number of them.

    Raises:
        DataError: there is not one picture.
        ValueError: arrays do not fit each other.
    """
    _check(labels, truth, probabilities_int8, probabilities_float, signers, split)
    answer = probabilities_int8.argmax(axis=1)
    right = answer == truth
    matrix = _confusion_matrix(truth, answer, len(labels))
    classes = _class_scores(labels, truth, answer)
    confidence = probabilities_int8.max(axis=1)
    bins = calibration_bins(confidence, right)
    answer_float = None if probabilities_float is None else probabilities_float.argmax(axis=1)
    accuracy = float(right.mean())
    accuracy_float = None if answer_float is None else float((answer_float == truth).mean())
    return Evaluation(
        split=split,
        labels=labels,
        pictures=len(truth),
        people=len({s for s in signers if s is not None}) or None,
        accuracy=accuracy,
        interval=wilson(int(right.sum()), len(right)),
        interval_people=bootstrap_people(right, signers),
        top3=_top(probabilities_int8, truth, 3),
        macro_f1=float(np.mean([c.f1 for c in classes if c.f1 is not None])),
        classes=classes,
        persons=_person_scores(right, signers),
        confusion=tuple(tuple(int(n) for n in row) for row in matrix),
        confusions=_most_confused(labels, matrix),
        calibration_error=calibration_error(bins),
        calibration=bins,
        thresholds=threshold_points(confidence, right),
        accuracy_float=accuracy_float,
        agreement=None if answer_float is None else float((answer_float == answer).mean()),
        loss_points=None if accuracy_float is None else 100 * (accuracy_float - accuracy),
        median_ms=float(np.median(invoke_ms)) if invoke_ms else None,
        p95_ms=float(np.percentile(invoke_ms, 95)) if invoke_ms else None,
    )


def to_manifest_metrics(evaluation: Evaluation) -> Metrics:
    """The part of an evaluation that travels in the bundle's manifest.

    Raises:
        ValueError: the float model was not evaluated, but the manifest compares the two.
    """
    if evaluation.accuracy_float is None or evaluation.agreement is None:
        raise ValueError("expected an evaluation with float probabilities, found one without")
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


def _person_scores(right: NDArray[np.bool_], signers: Sequence[str | None]) -> tuple[PersonScore, ...]:
    hits: dict[str, list[int]] = defaultdict(list)
    for signer, hit in zip(signers, right, strict=True):
        if signer is not None:
            hits[signer].append(int(hit))
    scores = [PersonScore(p, len(h), sum(h) / len(h), wilson(sum(h), len(h))) for p, h in hits.items()]
    return tuple(sorted(scores, key=lambda s: (s.accuracy, s.person)))


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


def _confusion_matrix(truth: Indices, answer: Indices, classes: int) -> NDArray[np.int64]:
    from sklearn.metrics import confusion_matrix

    matrix: NDArray[np.int64] = confusion_matrix(truth, answer, labels=np.arange(classes))
    return matrix


def _most_confused(labels: tuple[str, ...], matrix: NDArray[np.int64]) -> tuple[Confusion, ...]:
    rows, columns = np.nonzero(matrix)
    found = [
        Confusion(labels[r], labels[c], int(matrix[r, c]), float(matrix[r, c] / matrix[r].sum()))
        for r, c in zip(rows, columns, strict=True)
        if r != c
    ]
    return tuple(sorted(found, key=lambda f: (-f.count, -f.share, f.truth, f.predicted))[:CONFUSIONS])


def _top(probability: Probabilities, truth: Indices, count: int) -> float:
    best = np.argsort(-probability, axis=1, kind="stable")[:, :count]  # equal ones in the labels' order, as the device
    return float((best == truth[:, np.newaxis]).any(axis=1).mean())


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _check(
    labels: tuple[str, ...],
    truth: Indices,
    probabilities_int8: Probabilities,
    probabilities_float: Probabilities | None,
    signers: Sequence[str | None],
    split: str,
) -> None:
    if len(truth) == 0:
        raise DataError(f"{split}: expected at least one picture to evaluate, found none; split the data again")
    shape = (len(truth), len(labels))
    for name, array in (("probabilities_int8", probabilities_int8), ("probabilities_float", probabilities_float)):
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, found {array.shape}")
    if len(signers) != len(truth):
        raise ValueError(f"signers: expected {len(truth)}, found {len(signers)}")
    if truth.min() < 0 or truth.max() >= len(labels):
        raise ValueError(f"truth: expected 0 to {len(labels) - 1}, found {truth.min()} to {truth.max()}")
