"""Pictures of letters that do not move are read as the live program reads a hand that draws nothing."""

import numpy as np

from edge_asl.evaluation.metrics import Predictions, evaluate_predictions
from edge_asl.evaluation.predictions import held_still
from edge_asl_device.contract.preprocess import Square

LABELS = ("A", "I", "J")
SURE_OF_J = np.array([[0.1, 0.4, 0.5]], np.float32)


def answers(shown: str, hand_stage: bool = True) -> Predictions:
    return Predictions(
        LABELS,
        np.array([LABELS.index(shown)]),
        SURE_OF_J,
        ["ada"],
        probabilities_float=SURE_OF_J,
        squares=[Square(0, 0, 8)],
        hand_stage=hand_stage,
    )


def test_a_hand_held_still_is_never_a_drawn_letter():
    found = held_still(answers("I"))

    np.testing.assert_allclose(found.probabilities, [[0.1, 0.9, 0]])
    np.testing.assert_allclose(found.probabilities_float, [[0.1, 0.9, 0]])
    assert evaluate_predictions(found, "x").accuracy == 1
    assert evaluate_predictions(answers("I"), "x").accuracy == 0


def test_where_drawn_letters_are_shown_or_no_hand_is_followed_nothing_changes():
    for given in (answers("J"), answers("I", hand_stage=False)):
        np.testing.assert_array_equal(held_still(given).probabilities, given.probabilities)
