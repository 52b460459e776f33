"""Person by person: one stranger after the other is what a kiosk meets, so the mean and the worst of them count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.evaluation.intervals import Interval, wilson


class PersonScore(Struct, frozen=True):
    """One person, or a data folder that names nobody."""

    person: str
    pictures: int
    accuracy: float
    interval: Interval
    """Wilson, over this person's pictures."""
    found: float | None = None
    """The fraction of the pictures with a sign in which a hand was found; None: nobody looked, or there are none."""
    answered: float | None = None
    """The fraction of the pictures whose answer was sure enough to be shown; None: no threshold is known."""
    accuracy_answered: float | None = None
    """Among those; None: there are none."""


def person_scores(
    signers: Sequence[str | None],
    right: NDArray[np.bool_],
    found: NDArray[np.bool_] | None = None,
    signs: NDArray[np.bool_] | None = None,
    answered: NDArray[np.bool_] | None = None,
) -> tuple[PersonScore, ...]:
    """One score for each person, the least accurate first; pictures of unknown people are left out.

    Args:
        signers: who each of N pictures shows.
        right: bool (N,): whether it was read right.
        found: bool (N,): whether a hand was found in it.
        signs: bool (N,): whether it shows one; None: all do.
        answered: bool (N,): whether the answer was sure enough.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, signer in enumerate(signers):
        if signer is not None:
            rows[signer].append(row)
    scores = [_score(person, right, found, signs, answered, np.array(own)) for person, own in rows.items()]
    return tuple(sorted(scores, key=lambda score: (score.accuracy, score.person)))


def _score(
    person: str,
    right: NDArray[np.bool_],
    found: NDArray[np.bool_] | None,
    signs: NDArray[np.bool_] | None,
    answered: NDArray[np.bool_] | None,
    own: NDArray[np.int64],
) -> PersonScore:
    shown = own if signs is None else own[signs[own]]
    hits, sure = int(right[own].sum()), None if answered is None else own[answered[own]]
    return PersonScore(
        person,
        len(own),
        hits / len(own),
        wilson(hits, len(own)),
        None if found is None or not len(shown) else float(found[shown].mean()),
        None if sure is None else len(sure) / len(own),
        None if sure is None or not len(sure) else float(right[sure].mean()),
    )


def mean_accuracy(scores: Sequence[PersonScore]) -> float | None:
    """The mean over people, each counting the same, however many pictures there are; None: nobody is known."""
    return float(np.mean([score.accuracy for score in scores])) if scores else None
