"""Answers kept by a build are read back as they were, and only for the pictures of the build."""

from pathlib import Path

import numpy as np
import pytest

from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl.errors import DataError
from edge_asl.evaluation.conditions import Conditions
from edge_asl.evaluation.kept import chosen_rows, joined, keep_predictions, kept_predictions
from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl_device.contract.preprocess import Square

PICTURES = tuple(Picture(f"{label}/{n}.jpg", label, f"p{n}") for label in "AB" for n in range(3))


def blank(picture: Picture) -> Frame:
    return np.zeros((8, 8, 3), np.uint8)


DATA = Dataset("made", "people", ("A", "B"), PICTURES, "0" * 64, blank)


def answers(rows: list[int], seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    return Predictions(
        DATA.labels,
        np.array([DATA.labels.index(PICTURES[row].label) for row in rows]),
        random.dirichlet([1, 1], len(rows)).astype(np.float32),
        [PICTURES[row].signer for row in rows],
        probabilities_float=random.dirichlet([1, 1], len(rows)).astype(np.float32),
        squares=[None if row == 1 else Square(row, 2, 3) for row in rows],
        hand_stage=True,
        threshold=0.75,
        conditions=[
            Conditions(None, None, None, 4.0) if row == 1 else Conditions(0.5, row > 2, 50.0, 3.0) for row in rows
        ],
    )


def test_read_back_as_they_were(tmp_path: Path) -> None:
    given = answers(list(range(6)))
    keep_predictions(tmp_path / "kept.npz", DATA, PICTURES, given)
    pictures, found = kept_predictions(tmp_path / "kept.npz", DATA)
    assert tuple(pictures) == PICTURES
    assert evaluate_predictions(found, "x") == evaluate_predictions(given, "x")
    assert (found.squares, list(found.conditions), found.threshold) == (given.squares, given.conditions, 0.75)


def test_only_for_the_pictures_of_the_build(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nobody was left out .* build it with --leave-one-out"):
        kept_predictions(tmp_path / "kept.npz", DATA)
    keep_predictions(tmp_path / "kept.npz", DATA, PICTURES, answers(list(range(6))))
    with pytest.raises(DataError, match=r"name the same folders"):
        kept_predictions(tmp_path / "kept.npz", DATA._replace(digest="1" * 64))


def test_models_one_after_the_other_and_back_in_order() -> None:
    """Three folds, each read by another model: row by row what that model said."""
    folds = [[1, 4], [0, 3, 5], [2]]
    several = [answers(rows, seed) for seed, rows in enumerate(folds)]
    order = np.argsort(np.concatenate(folds)).tolist()
    found = chosen_rows(joined(several), order)
    assert list(found.signers) == [picture.signer for picture in PICTURES]
    assert found.truth.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(found.probabilities[[0, 3, 5]], several[1].probabilities)
    assert found.probabilities_float is not None
    assert np.array_equal(found.probabilities_float[[2]], several[2].probabilities_float)
    assert found.squares[1] is None
    assert found.squares[4] == Square(4, 2, 3)
