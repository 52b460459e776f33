"""Person by person, and by the conditions of the pictures, against pencil and paper."""

import cv2
import numpy as np
import pytest

from edge_asl.evaluation.conditions import Conditions, conditions_of, score_conditions
from edge_asl.evaluation.intervals import wilson
from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl.evaluation.people import mean_accuracy, person_scores
from edge_asl_device.contract.preprocess import Square

HAND = Square(0, 0, 10)


def test_each_person_counts_the_same() -> None:
    signers = ["ann"] * 4 + ["bob"] * 2 + [None]
    right = np.array([True, True, True, False, False, True, False])
    answered = np.array([True, True, False, False, True, False, True])
    found = np.array([True, True, True, False, True, True, True])
    signs = np.array([True, True, True, True, True, False, True])
    bob, ann = person_scores(signers, right, found, signs, answered)
    assert (bob.person, bob.pictures, bob.accuracy, bob.found) == ("bob", 2, 0.5, 1.0)
    assert (bob.answered, bob.accuracy_answered) == (0.5, 0.0)
    assert (ann.accuracy, ann.found, ann.answered, ann.accuracy_answered) == (0.75, 0.75, 0.5, 1.0)
    assert ann.interval == wilson(3, 4)
    assert mean_accuracy((bob, ann)) == pytest.approx(0.625), "not 4 of 6"
    assert mean_accuracy(()) is None


def test_where_no_hand_is_found_nothing_is_answered() -> None:
    """Of a hand it is a mistake, of an empty room right, and never the first of the labels."""
    predictions = Predictions(
        ("A", "nothing"),
        np.array([0, 0, 1, 1]),
        np.array([[0.9, 0.1], [0, 0], [0, 0], [0.7, 0.3]], np.float32),
        ["ann"] * 4,
        squares=[HAND, None, None, HAND],
        hand_stage=True,
        threshold=0.8,
    )
    evaluation = evaluate_predictions(predictions, "test")
    assert evaluation.found == evaluation.persons[0].found == 0.5, "of two hands"
    assert evaluation.accuracy == 0.5
    assert evaluation.confusion == ((1, 1), (1, 1))
    assert evaluation.shipped is not None
    assert (evaluation.shipped.coverage, evaluation.shipped.accuracy) == (0.25, 1.0)
    without = evaluate_predictions(predictions._replace(labels=("A", "B")), "test")
    assert (without.accuracy, without.top3, without.confusion) == (0.25, 0.5, ((1, 0), (1, 0)))
    assert [(c.truth, c.predicted, c.share) for c in without.confusions] == [("B", "A", 0.5)]
    blind = evaluate_predictions(predictions._replace(hand_stage=False, threshold=None), "test")
    assert (blind.found, blind.shipped, blind.persons[0].found) == (None, None, None)


def test_conditions_of_a_drawn_hand() -> None:
    """A grey room of L* 53.6, in it a hand of L* 87.7 with a dark edge outside its outline."""
    frame = np.full((100, 200, 3), 128, np.uint8)
    cv2.circle(frame, (60, 50), 24, (20, 20, 20), -1)
    cv2.circle(frame, (60, 50), 20, (220, 220, 220), -1)
    angle = np.linspace(0, 2 * np.pi, 21, endpoint=False)
    landmarks = np.stack([60 + 18 * np.cos(angle), 50 + 18 * np.sin(angle)], axis=1).astype(np.float32)
    found = conditions_of(frame, Square(35, 25, 50), landmarks, left=True)
    assert found.size == 0.5
    assert found.left is True
    assert found.skin == pytest.approx(87.7, abs=1)
    assert found.room == pytest.approx(53.6, abs=1)
    unknown = conditions_of(frame, None, None)
    assert (unknown.size, unknown.left, unknown.skin) == (None, None, None)
    beyond = conditions_of(frame, Square(0, 0, 100), landmarks + 500)
    assert beyond.skin is None, "a hand outside the picture has no skin in it"


def test_rows_of_conditions() -> None:
    given = [
        Conditions(0.1, True, 30.0, 60.0),
        Conditions(0.2, False, 39.9, 60.0),
        Conditions(0.9, False, 40.0, 60.0),
        Conditions(None, None, None, 60.0),
    ]
    rows = {
        (row.what, row.kind): (row.pictures, row.accuracy)
        for row in score_conditions(given, np.array([1, 0, 1, 1], bool))
    }
    assert rows == {
        ("hand size", "below 20 % of the frame"): (1, 1.0),
        ("hand size", "20 % to 35 % of the frame"): (1, 0.0),
        ("hand size", "60 % and more of the frame"): (1, 1.0),
        ("hand side", "right in the picture"): (2, 0.5),
        ("hand side", "left in the picture"): (1, 1.0),
        ("skin lightness", "L* below 40"): (2, 0.5),
        ("skin lightness", "L* 40 to 55"): (1, 1.0),
        ("room brightness", "L* 50 to 75"): (4, 0.75),
    }
    assert score_conditions((), np.zeros(0, bool)) == ()
