"""People left out in turn: what a network says of those it has not seen, and how sure it must be to be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.people import all_named
from edge_asl.datasets.splits import BLOCK_SIZE
from edge_asl.datasets.types import Picture
from edge_asl.datasets.units import random_key
from edge_asl.evaluation.metrics import IN_TURN
from edge_asl_device.text.held_letters import HELD_AS

_SURE = 0.8
_MOST_DOUBTED = 0.1


def group_of(picture: Picture) -> str:
    """Who is left out together with this picture: a person, or, where the data name nobody, its neighbours in time."""
    if picture.signer is not None:
        return picture.signer
    if picture.block is not None:
        return f"block {picture.block // BLOCK_SIZE}"
    return shot_of(picture)


def shot_of(picture: Picture) -> str:
    """What is left out together where all pictures are one group: the copies of one shot."""
    return picture.burst or picture.path


def left_out_in_turn(signers: Sequence[str | None]) -> str:
    """What is measured: with one person, or pictures of nobody knows whom, it says nothing of strangers."""
    return f"{'people' if all_named(signers) else 'pictures'} {IN_TURN}"


def folds_of(
    pictures: Sequence[Picture], count: int, seed: int, together: Callable[[Picture], str] = group_of
) -> NDArray[np.int64]:
    """The fold of each picture, int (n,), below ``count``: whole groups, about the same number of pictures in each."""
    groups = [together(picture) for picture in pictures]
    sizes = Counter(groups)
    filled = [0] * min(count, len(sizes))
    fold: dict[str, int] = {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], random_key(seed, group))):
        fold[group] = filled.index(min(filled))
        filled[fold[group]] += sizes[group]
    return np.array([fold[group] for group in groups], np.int64)


def as_held(labels: Sequence[str], answer: NDArray[np.float32], truth: int) -> int:
    """A class as a hand held still shows it: the picture of a Z that an ``answer`` (classes,) takes for a D is labelled
    rightly.
    """
    shown = [labels.index(one) for one in HELD_AS.get(labels[truth], ()) if one in labels]
    return max(shown, key=answer.__getitem__, default=truth)


def doubted(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], known: NDArray[np.bool_], below: float
) -> NDArray[np.bool_]:
    """Which labels networks that have not seen these people deny, bool (n,): they give the label's sign less than
    ``below`` and another one more than 0.8 (confident learning, Northcutt et al. 2021, arXiv 1911.00068, with one
    limit for all signs instead of one a sign, which a few people cannot tell).

    None, if these were more than a tenth: then it is the networks that are in doubt.

    Args:
        probabilities: float32 (n, classes).
        truth: int (n,): the labels.
        known: bool (n,): whether enough other people showed the network this sign.
        below: 0 to 1.
    """
    own = probabilities[np.arange(len(truth)), truth]
    denied = known & (own < below) & (probabilities.max(axis=1, initial=0) > _SURE)
    return denied if denied.sum() <= _MOST_DOUBTED * len(denied) else np.zeros_like(denied)


def fit_temperature(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """What to divide the logits by so that probabilities say how often they are right (Guo et al. 2017, arXiv
    1706.04599), 0.25 to 4.

    Args:
        probabilities: float32 (n, classes).
        truth: int (n,).
    """
    own = np.arange(len(truth))

    def loss(temperature: float) -> float:
        return -float(np.log(np.maximum(cool(probabilities, temperature)[own, truth], 1e-9)).mean())

    return float(min(np.geomspace(0.25, 4.0, 81), key=loss))


def cool(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities (n, classes) as they are when the logits are divided by ``temperature``."""
    powers = np.maximum(probabilities, 1e-9) ** np.float32(1 / temperature)
    cooled: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return cooled


def fit_threshold(probabilities: NDArray[np.float32], truth: NDArray[np.int64], precision: float) -> float:
    """The lowest probability from which on at least ``precision`` of the answers are right, 0.5 to 0.95.

    Args:
        probabilities: float32 (n, classes), of people left out.
        truth: int (n,).
        precision: 0 to 1.
    """
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(-best, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(best[order][:-1] != best[order][1:], True)  # of equal ones, all are answered or none
    enough = np.flatnonzero((share >= precision) & last)
    return float(np.clip(best[order[enough[-1]]] if len(enough) else 0.95, 0.5, 0.95))
