"""Further training of a sign network with some people's hands, while those whom it learned from are rehearsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.progress import Advance, unwatched
from edge_asl.recipes.recipe import Sign
from edge_asl.training.quiet import keras
from edge_asl.training.readings import Readings, joined
from edge_asl.training.sign_network import SignJob, SignNet, train_sign_network

EPOCHS, LEARNING_RATE = 10, 3e-4
"""A seventh of a build's learning rate and a third of its epochs."""
SHARES = (1.0, 0.75, 0.5, 0.25)
"""How much of what was learned is tried, most first."""


class Lesson(NamedTuple):
    """Hands to learn from."""

    readings: Readings
    """Of n hands, all found."""
    labels: NDArray[np.int64]
    """int (n,): the class of each."""


def tune(
    start: SignNet, new: Lesson, rehearsed: Lesson, settings: Sign, seed: int, advance: Advance = unwatched
) -> SignNet:
    """Train ``start`` with both lessons, the new one counting as much as the rehearsed one, however long they are.

    All weights move: one branch alone could not make up for what the other answers. Scaling and temperature stay.
    """
    labels = np.concatenate([new.labels, rehearsed.labels])
    weights = np.concatenate(
        [np.full(len(one.labels), len(labels) / 2 / len(one.labels), np.float32) for one in (new, rehearsed)]
    )
    job = SignJob(
        joined(new.readings, rehearsed.readings),
        np.arange(len(labels)),
        labels,
        weights,
        start.branches.outputs[0].shape[1],
        msgspec.structs.replace(settings, epochs=EPOCHS, learning_rate=LEARNING_RATE),
        seed,
    )
    net, _ = train_sign_network(job, advance, start)
    return net._replace(temperature=start.temperature)


def as_far_as(start: SignNet, end: SignNet, bearable: Callable[[SignNet], bool]) -> tuple[SignNet, float]:
    """The network farthest from ``start`` towards ``end`` that is bearable, and its share; else the end, and 1."""
    for share in SHARES:
        net = between(start, end, share)
        if bearable(net):
            return net, share
    return end, 1.0


def between(start: SignNet, end: SignNet, share: float) -> SignNet:
    """The network whose weights lie ``share`` of the way from ``start`` to ``end``.

    It keeps most of what was gained and unlearns less (Wortsman et al. 2022, arXiv 2109.01903).
    """
    branches = keras.models.clone_model(end.branches)
    pairs = zip(start.branches.get_weights(), end.branches.get_weights(), strict=True)
    branches.set_weights([old + share * (new - old) for old, new in pairs])
    return end._replace(branches=branches)
