"""How certain a measured accuracy is: confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BOOTSTRAP_ROUNDS = 2000
BOOTSTRAP_SEED = 20240229

_Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


class Interval(Struct, frozen=True):
    """A 95 % interval of a fraction, 0 to 1."""

    low: float
    high: float


def wilson(right: int, total: int) -> Interval:
    """95 % interval of a proportion. Unlike p ± 1.96 σ it stays inside 0 to 1 and is not empty at 100 %.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
    American Statistical Association 22 (1927), 209-212.
    """
    p = right / total
    z2 = _Z_95**2
    centre = p + z2 / (2 * total)
    half = _Z_95 * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    scale = 1 + z2 / total
    # At 0 and at 100 % the formula gives the end exactly; rounding must not exceed it.
    low = 0.0 if right == 0 else (centre - half) / scale
    high = 1.0 if right == total else (centre + half) / scale
    return Interval(low, high)


def bootstrap_people(right: NDArray[np.bool_ | np.int8], signers: Sequence[str | None]) -> Interval | None:
    """95 % percentile interval of the accuracy from resampling whole people with replacement (cluster bootstrap).

    ``right``, of each picture, may also be the difference between two models, −1 to 1: then the interval is of that
    of their accuracies, both read on the same people.

    People are the independent units: errors on pictures of one hand are correlated, so an interval over pictures is
    too narrow for the question how well the next stranger is recognised. With fewer than about ten people this one
    is too narrow as well, only less so.

    Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.

    Returns:
        None with fewer than two people, or if the person in some picture is not known.
    """
    if any(s is None for s in signers) or len(set(signers)) < 2:
        return None
    _, person = np.unique([str(s) for s in signers], return_inverse=True)
    pictures = np.bincount(person)
    correct = np.bincount(person, weights=right)
    random = np.random.default_rng(BOOTSTRAP_SEED)
    draws = random.integers(0, len(pictures), (BOOTSTRAP_ROUNDS, len(pictures)))
    accuracy = correct[draws].sum(axis=1) / pictures[draws].sum(axis=1)
    low, high = np.percentile(accuracy, [2.5, 97.5])
    return Interval(float(low), float(high))
