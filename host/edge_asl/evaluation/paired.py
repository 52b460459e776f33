"""Two models on the same pictures: where only one of them is right, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.evaluation.intervals import Interval, bootstrap_people


class Paired(Struct, frozen=True):
    """One model beside another one, the first."""

    only_first: int
    """Pictures that only the first reads right."""
    only_this: int
    """Pictures that only this one reads right."""
    p_value: float
    """McNemar's exact test: how often chance alone makes so large a difference between models that are equally good
    on pictures of this kind. It takes pictures for independent draws, which those of one person are not."""
    difference: float
    """This one's accuracy minus the first's, −1 to 1."""
    difference_people: Interval | None
    """95 % interval of that by bootstrap over people; None: fewer than two, or pictures of unknown people."""


def paired(first: NDArray[np.bool_], this: NDArray[np.bool_], signers: Sequence[str | None]) -> Paired:
    """Compare two models.

    Args:
        first, this: bool (n,): which of the same n pictures each read right.
        signers: who each picture shows; None if the data do not say.
    """
    only_first, only_this = int((first & ~this).sum()), int((this & ~first).sum())
    difference = this.astype(np.int8) - first.astype(np.int8)
    return Paired(
        only_first,
        only_this,
        mcnemar(only_first, only_this),
        float(difference.mean()),
        bootstrap_people(difference, signers),
    )


def mcnemar(only_first: int, only_this: int) -> float:
    """Two-sided p-value of McNemar's exact test.

    Were both models equally good, each picture that only one of them reads right would be a fair coin's throw. Pictures
    that both or none read right say nothing.

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947), 153-157; by the binomial distribution instead of its approximation.
    """
    from scipy.stats import binomtest

    thrown = only_first + only_this
    return float(binomtest(only_this, thrown, 0.5).pvalue) if thrown else 1.0
