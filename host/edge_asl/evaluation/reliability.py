"""Whether a probability means what it says, and what a confidence threshold leaves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BINS = 15
THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


class ReliabilityBin(Struct, frozen=True):
    """Answers whose probability lies in (lower, upper]: one bar of the reliability diagram."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    """Mean probability; None: no such answer."""
    accuracy: float | None


class ThresholdPoint(Struct, frozen=True):
    """What remains when only answers with at least ``threshold`` probability count."""

    threshold: float
    coverage: float
    """The fraction of pictures that get an answer."""
    accuracy: float | None
    """Among those; None: there are none."""


def reliability_bins(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], count: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Sort answers into ``count`` bins of equal width by probability; their weighted gaps are the ECE.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    equations 2 and 3.
    """
    # Bins are half-open (lower, upper]; a probability of exactly 0 belongs to the first.
    which = np.clip(np.ceil(confidence.astype(np.float64) * count).astype(int) - 1, 0, count - 1)
    return tuple(
        ReliabilityBin(i / count, (i + 1) / count, int(inside.sum()), _mean(confidence[inside]), _mean(right[inside]))
        for i, inside in enumerate(which == i for i in range(count))
    )


def calibration_error(bins: Iterable[ReliabilityBin]) -> float:
    """Expected calibration error, 0 to 1: the bins' gaps between probability and accuracy, weighted by count.

    Source: as ``reliability_bins``; 0 where no bin holds an answer.
    """
    filled = [(b.count, b.confidence, b.accuracy) for b in bins if b.confidence is not None and b.accuracy is not None]
    total = sum(count for count, _, _ in filled)
    return sum(count / total * abs(accuracy - confidence) for count, confidence, accuracy in filled)


def threshold_points(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[ThresholdPoint, ...]:
    """Coverage and accuracy at each of ``THRESHOLDS``; arguments as ``reliability_bins``."""
    return tuple(threshold_point(threshold, confidence, right) for threshold in THRESHOLDS)


def threshold_point(threshold: float, confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> ThresholdPoint:
    """Coverage and accuracy at one threshold; arguments as ``reliability_bins``."""
    given = confidence >= threshold
    return ThresholdPoint(threshold, float(given.mean()), _mean(right[given]))


def _mean(values: NDArray[np.float32] | NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
