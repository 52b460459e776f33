"""How a network from elsewhere wants its pixels, by what it answers. Pure: answers in, a choice out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl.errors import ModelError
from edge_asl.evaluation.intervals import wilson

MUCH = 0.2
"""An order of the labels that makes so much more of the answers right is no accident."""

Counts = NDArray[np.integer[Any]]


class Trial(NamedTuple):
    """What a network answered when its pixels were scaled in one way."""

    confusion: Counts
    """int (classes, classes): pictures by true class and answer."""
    sureness: float
    """Mean logarithm of the probability that it gave the true class."""

    @property
    def accuracy(self) -> float:
        """The fraction of right answers."""
        return float(np.trace(self.confusion) / self.confusion.sum())


class Choice(Struct, frozen=True):
    """The way that was chosen, and what each that was tried gave."""

    pixels: str
    accuracies: dict[str, float]
    """Way → the fraction of right answers."""
    pictures: int
    chance: float
    """What would be right of one who always names the most frequent sign."""
    order: tuple[str, ...] | None
    """The labels in an order by which much more would be right, if there is one."""
    ordered: float
    """How much."""

    @property
    def in_words(self) -> str:
        """``tf 97.5%, unit 60.0%``."""
        best_first = sorted(self.accuracies.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in best_first)


def trial(answers: NDArray[np.float32], truth: Counts) -> Trial:
    """From probabilities (pictures, classes) and the true class of each."""
    from sklearn.metrics import confusion_matrix

    of_truth = answers[np.arange(len(truth)), truth]
    matrix = confusion_matrix(truth, answers.argmax(axis=1), labels=np.arange(answers.shape[1]))
    return Trial(matrix, float(np.log(np.maximum(of_truth, 1e-7)).mean()))


def choose_pixels(trials: Mapping[str, Trial], labels: tuple[str, ...]) -> Choice:
    """The way with the most right answers; of equal ones, the one that is surer of the true classes."""
    best = max(trials, key=lambda name: (trials[name].accuracy, trials[name].sureness))
    ordered, order = max(_best_order(tried.confusion, labels) for tried in trials.values())
    per_class = trials[best].confusion.sum(axis=1)
    return Choice(
        pixels=best,
        accuracies={name: tried.accuracy for name, tried in trials.items()},
        pictures=int(per_class.sum()),
        chance=float(per_class.max() / per_class.sum()),
        order=order if ordered - trials[best].accuracy > MUCH else None,
        ordered=ordered,
    )


def _best_order(confusion: Counts, labels: tuple[str, ...]) -> tuple[float, tuple[str, ...]]:
    """The order of the labels by which most answers would be right, and the fraction that would be."""
    from scipy.optimize import linear_sum_assignment

    true, output = linear_sum_assignment(confusion, maximize=True)
    named = dict(zip(output.tolist(), true.tolist(), strict=True))
    order = tuple(labels[named[number]] for number in range(len(labels)))
    return float(confusion[true, output].sum() / confusion.sum()), order


def check_better_than_chance(choice: Choice, model: str) -> None:
    """Refuse a model that knows no more than which sign is the most frequent.

    Raises:
        ModelError: the 95 % interval of its accuracy reaches down to that.
    """
    right = round(choice.accuracies[choice.pixels] * choice.pictures)
    if wilson(right, choice.pictures).low > choice.chance:
        return
    check = "check that the labels are in the model's order, that --pixels is right, and that --data shows its signs"
    if choice.order is not None:
        check = f"with the labels in another order it would be {choice.ordered:.1%}; try --labels {order_of(choice)}"
    raise ModelError(
        f"{model}: no better than chance, {choice.chance:.1%}, on {choice.pictures} pictures "
        f"({choice.in_words}); {check}"
    )


def order_of(choice: Choice) -> str:
    """The better order, as ``--labels`` takes it."""
    return ",".join(choice.order or ())
