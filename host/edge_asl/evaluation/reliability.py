"""Whether a probability means what it says, and what a threshold on it leaves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

CALIBRATION_BINS = 15
THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


class CalibrationBin(Struct, frozen=True):
    """Answers whose probability lies in (lower, upper]."""

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


def calibration_bins(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], count: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Sort answers into ``count`` bins of equal width by probability; their weighted gaps are the ECE.

    Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    equations 2 and 3.
    """
    # Bins are half-open (lower, upper]; a probability of exactly 0 belongs to the first.
    which = np.clip(np.ceil(confidence.astype(np.float64) * count).astype(int) - 1, 0, count - 1)
    bins = []
    for i in range(count):
        inside = which == i
        n = int(inside.sum())
        bins.append(
            CalibrationBin(
                lower=i / count,
                upper=(i + 1) / count,
                count=n,
                confidence=float(confidence[inside].mean()) if n else None,
                accuracy=float(right[inside].mean()) if n else None,
            )
        )
    return tuple(bins)


def calibration_error(bins: Iterable[CalibrationBin]) -> float:
    """Expected calibration error, 0 to 1: the bins' gaps between probability and accuracy, weighted by count.

    Source: as ``calibration_bins``; at least one bin must hold an answer.
    """
    filled = [(b.count, b.confidence, b.accuracy) for b in bins if b.confidence is not None and b.accuracy is not None]
    total = sum(count for count, _, _ in filled)
    return sum(count / total * abs(accuracy - confidence) for count, confidence, accuracy in filled)


def threshold_points(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[ThresholdPoint, ...]:
    """Coverage and accuracy at each of ``THRESHOLDS``; arguments as ``calibration_bins``."""
    points = []
    for threshold in THRESHOLDS:
        answered = confidence >= threshold
        accuracy = float(right[answered].mean()) if answered.any() else None
        points.append(ThresholdPoint(threshold, float(answered.mean()), accuracy))
    return tuple(points)
