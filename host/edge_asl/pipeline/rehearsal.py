"""Choosing a rehearsal set: a few hands of each person and sign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.types import Picture
from edge_asl.pipeline.people import folds_of, group_of
from edge_asl.training.readings import Readings, joined
from edge_asl.training.training_file import VIEWS, RehearsalSet

HANDS = 2500
"""Of 1.3 KB each, beside 1.2 MB of weights."""
_HELD_ONE_OF = 5


def rehearsal_set(
    readings: Readings, pictures: Sequence[Picture], truth: NDArray[np.int64], rows: NDArray[np.int64], seed: int
) -> RehearsalSet:
    """At most ``HANDS`` of ``rows``, spread over people and signs; one person in five is held back.

    Args:
        readings: of all pictures.
        pictures: N of them.
        truth: int (N,): the class of each.
        rows: int (n,): those that the network was trained on.
        seed: decides which.
    """
    seen = rows[readings.found[rows]]
    cells = [(group_of(pictures[row]), pictures[row].label) for row in seen]
    chosen = seen[spread(cells, HANDS, seed)]
    folds = folds_of([pictures[row] for row in chosen], _HELD_ONE_OF, seed)
    held = folds == 0 if folds.any() else np.arange(len(chosen)) % _HELD_ONE_OF == 0
    return RehearsalSet(_some_views(readings, chosen, held, seed), truth[chosen], held)


def extended(
    rehearsal: RehearsalSet,
    readings: Readings,
    truth: NDArray[np.int64],
    learned: NDArray[np.int64],
    held: NDArray[np.int64],
    seed: int,
) -> RehearsalSet:
    """A rehearsal set with some more hands, a tenth of ``HANDS`` at most.

    Args:
        rehearsal: the one to extend.
        readings: of N other pictures.
        truth: int (N,): the class of each, in the same order of labels.
        learned: int (n,): those that the network was trained on.
        held: int (m,): those that were held back.
        seed: decides which are taken.
    """
    rows = np.concatenate([learned, held])
    back = np.isin(rows, held)
    kinds = list(zip(truth[rows].tolist(), back.tolist(), strict=True))
    chosen = spread(kinds, HANDS // 10, seed)
    more = _some_views(readings, rows[chosen], back[chosen], seed)
    return RehearsalSet(
        joined(rehearsal.readings, more),
        np.concatenate([rehearsal.labels, truth[rows[chosen]]]),
        np.concatenate([rehearsal.held, back[chosen]]),
    )


def spread(cells: Sequence[Hashable], most: int, seed: int) -> NDArray[np.int64]:
    """At most ``most`` of the indices of ``cells``, sorted: as many of each kind as of any other, if it has so many."""
    order = np.random.default_rng(seed).permutation(len(cells))
    taken: Counter[Hashable] = Counter()
    rank = np.zeros(len(cells), np.int64)
    for i in order:
        rank[i] = taken[cells[i]]
        taken[cells[i]] += 1
    return np.sort(order[np.argsort(rank[order], kind="stable")][:most])


def _some_views(readings: Readings, rows: NDArray[np.int64], held: NDArray[np.bool_], seed: int) -> Readings:
    """Of those held back the first views, which are a device's; of the others any, for their disturbances."""
    rng = np.random.default_rng(seed)
    every = readings.angle.shape[1]
    views = np.array([range(VIEWS) if kept else rng.permutation(every)[:VIEWS] for kept in held]).reshape(-1, VIEWS)
    return readings.picked(rows, views)
