"""From a frame to a sign with the hand stage in between: the model that ships, on its own drawn hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.known_answer import picture_of, read_known_answer
from edge_asl_device.inference.hand_stages import SURROUNDINGS, HandStages, square_of_hand
from edge_asl_device.inference.recogniser import Recogniser
from edge_asl_device.inference.sign_network import features_of
from edge_asl_device.text.buffer import NOTHING

LETTERS = Path(__file__).parents[3] / "models" / "letters"
DARK = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture
def drawn() -> np.ndarray:
    """The bundle's own question."""
    check = read_known_answer(read_bundle(LETTERS))
    assert check is not None
    return picture_of(check)


def test_without_a_hand_nothing_is_sure():
    with Recogniser.open(LETTERS) as recogniser:
        for time_s in (None, 0.0):
            found = recogniser.recognise(DARK, time_s=time_s)
            expected = [float(label == NOTHING) for label in recogniser.labels]

            assert (found.square, found.hand, found.landmarks) == (None, None, None)
            assert found.probabilities.tolist() == expected
        assert recogniser.classify(DARK) == []


def test_a_picture_by_itself_is_read_twice_and_a_live_frame_once(drawn: np.ndarray):
    with Recogniser.open(LETTERS) as recogniser:
        still, live = recogniser.recognise(drawn), recogniser.recognise(drawn, time_s=1.0)

    assert list(still.stages) == ["locate", "features", "invoke", "decode", "again"]
    assert list(live.stages) == ["locate", "features", "invoke", "decode"]
    assert still.shown is None
    assert live.shown is not None


def test_a_hand_is_named_from_its_features_as_in_training(drawn: np.ndarray):
    with Recogniser.open(LETTERS) as recogniser:
        assert isinstance(recogniser.stages, HandStages)
        hand = recogniser.stages.stage.find(drawn)
        assert hand is not None
        by_hand, _ = recogniser.stages.sign.answer(hand)
        by_features, _ = recogniser.stages.sign.name(features_of(hand))

    np.testing.assert_array_equal(by_hand, by_features)


def test_the_square_of_a_hand_holds_it_and_stays_in_the_frame():
    landmarks = np.array([[300, 100], [340, 220], *[[320, 150]] * 19], np.float32)
    tight, wide = square_of_hand(landmarks, 480, 640), square_of_hand(landmarks, 480, 640, SURROUNDINGS)

    assert tight.side == round(120 * 1.35)
    assert (tight.x + tight.side / 2, tight.y + tight.side / 2) == pytest.approx((320, 160), abs=1)
    assert wide.side == 360
    assert wide.y == 0
