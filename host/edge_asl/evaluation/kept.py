"""What a build's left-out networks answered, kept in its working folder: measured again without training again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.types import Dataset, Picture
from edge_asl.errors import DataError
from edge_asl.evaluation.conditions import Conditions
from edge_asl.evaluation.metrics import Predictions
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.files import replacing_file

FILE = "left-out-answers.npz"


def keep_predictions(path: Path, dataset: Dataset, pictures: Sequence[Picture], predictions: Predictions) -> None:
    """Write the answers for ``pictures``, completely or not at all."""
    squares = [(-1, -1, -1) if square is None else square for square in predictions.squares]
    with replacing_file(path) as beside, beside.open("wb") as file:
        np.savez(
            file,
            data=dataset.digest,
            paths=np.array([picture.path for picture in pictures]),
            int8=predictions.probabilities,
            float=np.zeros(0) if predictions.probabilities_float is None else predictions.probabilities_float,
            squares=np.array(squares, np.int32),
            hand_stage=predictions.hand_stage,
            threshold=np.nan if predictions.threshold is None else predictions.threshold,
            conditions=conditions_array(predictions.conditions),
        )


def kept_predictions(path: Path, dataset: Dataset) -> tuple[list[Picture], Predictions]:
    """The pictures, and what networks that had not seen their people answered.

    Raises:
        DataError: nobody was left out, or the answers are for other data.
    """
    if not path.is_file():
        raise DataError(f"{path}: nobody was left out when this bundle was built; build it with --leave-one-out")
    with np.load(path, allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    if (digest := str(kept["data"])) != dataset.digest:
        raise DataError(
            f"{path}: expected the pictures that the bundle was built from, digest {digest[:12]}…, found "
            f"{dataset.digest[:12]}… in {dataset.name}; name the same folders, and the same --signer-pattern"
        )
    by_path = {picture.path: picture for picture in dataset.pictures}
    pictures = [by_path[str(path)] for path in kept["paths"]]
    number = {label: i for i, label in enumerate(dataset.labels)}
    return pictures, Predictions(
        dataset.labels,
        np.array([number[picture.label] for picture in pictures], np.int64),
        kept["int8"],
        [picture.signer for picture in pictures],
        probabilities_float=kept["float"] if kept["float"].size else None,
        squares=[None if side < 0 else Square(int(x), int(y), int(side)) for x, y, side in kept["squares"]],
        hand_stage=bool(kept["hand_stage"]),
        threshold=None if np.isnan(kept["threshold"]) else float(kept["threshold"]),
        conditions=conditions_from(kept["conditions"]),
    )


def conditions_array(conditions: Sequence[Conditions]) -> NDArray[np.float32]:
    """float32 (n, 4): size, left, skin, room; NaN where nothing can be said."""
    rows = [[np.nan if value is None else float(value) for value in one] for one in conditions]
    return np.array(rows, np.float32).reshape(-1, 4)


def conditions_from(array: NDArray[np.float32]) -> list[Conditions]:
    """What ``conditions_array`` was made from."""
    known = ([None if np.isnan(value) else float(value) for value in row] for row in array)
    return [Conditions(size, None if left is None else left > 0.5, skin, room) for size, left, skin, room in known]


def joined(several: Sequence[Predictions]) -> Predictions:
    """The answers of several models with the same labels, one after the other."""
    plain = [one.probabilities_float for one in several if one.probabilities_float is not None]
    return several[0]._replace(
        truth=np.concatenate([one.truth for one in several]),
        probabilities=np.concatenate([one.probabilities for one in several]),
        probabilities_float=np.concatenate(plain) if len(plain) == len(several) else None,
        signers=[signer for one in several for signer in one.signers],
        latencies_ms=[latency for one in several for latency in one.latencies_ms],
        squares=[square for one in several for square in one.squares],
        conditions=[condition for one in several for condition in one.conditions],
    )


def chosen_rows(predictions: Predictions, rows: Sequence[int]) -> Predictions:
    """The answers for some of the pictures."""
    index = np.array(rows, np.int64)
    plain = predictions.probabilities_float
    return predictions._replace(
        truth=predictions.truth[index],
        probabilities=predictions.probabilities[index],
        probabilities_float=None if plain is None else plain[index],
        signers=[predictions.signers[row] for row in rows],
        squares=[predictions.squares[row] for row in rows] if predictions.squares else (),
        conditions=[predictions.conditions[row] for row in rows] if predictions.conditions else (),
    )
