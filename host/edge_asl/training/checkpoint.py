"""What a killed training needs to go on as if nothing had happened: one file, replaced after every epoch."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.files import write_atomically

Arrays = list[NDArray[np.generic]]


class Epoch(NamedTuple):
    """One line of the training's history; losses in nats, accuracies 0 to 1."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


class Checkpoint(NamedTuple):
    """Everything that the next epoch depends on."""

    variables: Arrays
    """The network's, random generators' states included."""
    averaged: Arrays
    """The moving average of its weights."""
    optimizer: Arrays
    best: Arrays
    """The averaged weights of the best epoch so far."""
    history: tuple[Epoch, ...]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside, sync, rename: a kill leaves the previous epoch's file."""
    groups = {"variables": checkpoint.variables, "averaged": checkpoint.averaged}
    groups |= {"optimizer": checkpoint.optimizer, "best": checkpoint.best}
    arrays = {f"{name}.{i:04}": array for name, group in groups.items() for i, array in enumerate(group)}
    buffer = io.BytesIO()
    np.savez(buffer, history=np.array(json.dumps(checkpoint.history)), **arrays)
    write_atomically(path, buffer.getvalue())


def save_weights(path: Path, weights: Arrays) -> None:
    """A network's weights in their own order, whole or not at all: HDF5 on a full disk ends in a crash."""
    buffer = io.BytesIO()
    np.savez(buffer, *weights)
    write_atomically(path, buffer.getvalue())


def load_weights(path: Path) -> Arrays:
    """What ``save_weights`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def load(path: Path) -> Checkpoint | None:
    """The checkpoint at ``path``, or None where none was written yet."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        history = tuple(Epoch(*row) for row in json.loads(str(file["history"])))
        groups = {
            name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}.")]
            for name in ("variables", "averaged", "optimizer", "best")
        }
    return Checkpoint(**groups, history=history)
