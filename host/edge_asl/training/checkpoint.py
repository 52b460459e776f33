"""All that training needs to resume as if never interrupted: one file, replaced after every epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.files import replacing_file

Arrays = list[NDArray[np.generic]]


class Epoch(NamedTuple):
    """One entry of the training history; losses in nats, accuracies 0 to 1."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


class EpochListener(Protocol):
    """Called after every epoch, once it is kept, and for those before it when training resumes.

    What it raises ends the training; the same build later goes on after this epoch.
    """

    def __call__(self, epoch: Epoch) -> None: ...


def unheard(epoch: Epoch) -> None:
    """The ``EpochListener`` of builds that nobody listens to."""


class Checkpoint(NamedTuple):
    """Everything the next epoch depends on."""

    variables: Arrays
    """The network's, including the states of random generators."""
    averaged: Arrays
    """The moving average of its weights."""
    optimizer: Arrays
    best: Arrays
    """The averaged weights of the best epoch so far."""
    history: tuple[Epoch, ...]


GROUPS = ("variables", "averaged", "optimizer", "best")
"""The fields that are lists of arrays."""


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file atomically: if killed, the previous epoch's file remains."""
    arrays = {f"{name}.{i:04}": array for name in GROUPS for i, array in enumerate(getattr(checkpoint, name))}
    with replacing_file(path) as beside:
        np.savez(beside, history=np.array(json.dumps(checkpoint.history)), **arrays)


def save_weights(path: Path, weights: Arrays) -> None:
    """A network's weights in their own order, completely or not at all; HDF5 crashes on a full disk."""
    with replacing_file(path) as beside:
        np.savez(beside, *weights)


def load_weights(path: Path) -> Arrays:
    """What ``save_weights`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def load(path: Path) -> Checkpoint | None:
    """The checkpoint at ``path``, or None if there is none yet."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        history = tuple(Epoch(*row) for row in json.loads(str(file["history"])))
        groups = {name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}.")] for name in GROUPS}
    return Checkpoint(**groups, history=history)
