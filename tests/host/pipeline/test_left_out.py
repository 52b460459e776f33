"""Leaving people out in turn, and how sure a network must be."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl.datasets.types import Picture
from edge_asl.pipeline.people import (
    as_held,
    cool,
    doubted,
    fit_temperature,
    fit_threshold,
    folds_of,
    group_of,
    left_out_in_turn,
    shot_of,
)


def pictures(**signers: int) -> list[Picture]:
    return [Picture(f"{name}/{i}.jpg", "AB"[i % 2], name) for name, count in signers.items() for i in range(count)]


def test_a_person_is_in_one_fold_and_folds_are_alike_in_size():
    data = pictures(ada=40, bo=30, cy=10, di=20, ed=20)
    folds = folds_of(data, 3, seed=1)

    for name in {picture.signer for picture in data}:
        assert len({int(f) for f, p in zip(folds, data, strict=True) if p.signer == name}) == 1
    assert sorted(np.bincount(folds).tolist()) == [40, 40, 40]


def test_fewer_people_than_folds_are_left_out_one_by_one():
    assert sorted(np.bincount(folds_of(pictures(ada=3, bo=5), 10, seed=1)).tolist()) == [3, 5]


def test_pictures_of_one_person_are_left_out_shot_by_shot():
    alone = [picture._replace(burst=f"shot {i // 2}") for i, picture in enumerate(pictures(ada=12))]

    assert not folds_of(alone, 3, seed=1).any(), "by people, nothing is left to train on"
    folds = folds_of(alone, 3, 1, shot_of)
    assert np.bincount(folds).tolist() == [4, 4, 4]
    assert (folds[::2] == folds[1::2]).all(), "the copies of a shot stay together"


def test_only_people_who_are_known_are_strangers():
    assert left_out_in_turn(["ada", "bo", "ada"]) == "people left out in turn"
    assert left_out_in_turn(["ada", "ada"]) == "pictures left out in turn"
    assert left_out_in_turn(["ada", "bo", None]) == "pictures left out in turn"


def test_where_nobody_is_named_neighbours_stay_together():
    first, near, far = (Picture(f"A{n}.jpg", "A", block=n) for n in (1, 5, 90))

    assert group_of(first) == group_of(near) != group_of(far)


def test_a_label_is_doubted_if_others_are_sure_of_another_sign():
    """All pictures are labelled with the first sign; too few people have shown it to the network of the fifth."""
    sure, unsure, likely = [0.02, 0.9, 0.08], [0.02, 0.7, 0.28], [0.1, 0.9, 0.0]
    agreed = [[0.98, 0.01, 0.01]] * 45
    said = np.array([sure, unsure, likely, agreed[0], sure, *agreed], np.float32)
    known = np.arange(len(said)) != 4

    found = doubted(said, np.zeros(len(said), np.int64), known, 0.05)

    assert np.flatnonzero(found).tolist() == [0]


def test_a_moment_of_a_drawn_letter_is_that_of_a_held_one():
    answer = np.array([0.1, 0.2, 0.7, 0.0], np.float32)

    assert as_held("ADZ1", answer, 2) == 1
    assert as_held("A1ZD", answer, 2) == 1, "the likelier of two"
    assert as_held("ABZC", answer, 2) == 2
    assert as_held("ADZ1", answer, 0) == 0


def test_judges_who_doubt_everything_are_not_believed():
    said, known = np.tile(np.array([[0.02, 0.98]], np.float32), (40, 1)), np.ones(40, bool)

    assert doubted(said, (np.arange(40) > 3).astype(np.int64), known, 0.05).sum() == 4
    assert not doubted(said, (np.arange(40) > 4).astype(np.int64), known, 0.05).any(), (
        "five of forty are more than a tenth"
    )


def answers(sure: float, right: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers of two classes, all as ``sure``."""
    probabilities = np.tile(np.array([sure, 1 - sure], np.float32), (right + wrong, 1))
    return probabilities, np.array([0] * right + [1] * wrong)


def test_temperature_makes_probabilities_honest():
    probabilities, truth = answers(0.99, right=80, wrong=20)
    temperature = fit_temperature(probabilities, truth)

    assert temperature > 2
    assert cool(probabilities, temperature)[0, 0] == pytest.approx(0.8, abs=0.03)
    assert fit_temperature(*answers(0.8, right=80, wrong=20)) == pytest.approx(1, abs=0.1)


def test_the_threshold_keeps_what_is_right_often_enough():
    sure, unsure = answers(0.9, right=99, wrong=1), answers(0.6, right=60, wrong=40)
    probabilities, truth = (np.concatenate(pair) for pair in zip(sure, unsure, strict=True))

    assert fit_threshold(probabilities, truth, 0.985) == pytest.approx(0.9, abs=0.01)
    assert fit_threshold(probabilities, truth, 0.7) == pytest.approx(0.6, abs=0.01)
    assert fit_threshold(*answers(0.9, right=1, wrong=9), 0.985) == pytest.approx(0.95)
