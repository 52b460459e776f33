"""Where in a frame to look: chosen by the manifest, and a recogniser that follows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import Crop
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.locator import LOCATORS, CentreSquare, locator_for
from edge_asl_device.inference.recogniser import Recogniser


class Nobody:
    """Finds no hand: what a hand stage does in an empty room."""

    def locate(self, frame: np.ndarray) -> Square | None:
        return None


def test_every_crop_rule_has_its_locator(golden_bundle: Path):
    assert set(LOCATORS) == set(Crop) - {Crop.HAND}, "the hand stage finds the hand by itself"
    assert isinstance(locator_for(read_bundle(golden_bundle).manifest.input), CentreSquare)


def test_the_centre_square_of_wide_and_tall_frames():
    assert CentreSquare().locate(np.zeros((240, 320, 3), np.uint8)) == Square(40, 0, 240)
    assert CentreSquare().locate(np.zeros((320, 240, 3), np.uint8)) == Square(0, 40, 240)
    assert CentreSquare().locate(np.zeros((7, 7, 3), np.uint8)) == Square(0, 0, 7)


def test_a_known_square_goes_before_the_locators(golden_bundle: Path):
    frame = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    with Recogniser.open(golden_bundle) as recogniser:
        known = recogniser.recognise(frame, Square(0, 0, 100))
        cut = recogniser.recognise(np.ascontiguousarray(frame[:100, :100]))

    assert known.square == Square(0, 0, 100)
    assert known.hand is not None
    assert np.shares_memory(known.hand, frame), "a view: no frame is copied"
    np.testing.assert_array_equal(known.probabilities, cut.probabilities)
    assert list(known.stages) == ["locate", "preprocess", "invoke", "decode"]


def test_where_no_hand_is_found_nothing_is_classified(golden_bundle: Path):
    with Recogniser.open(golden_bundle) as recogniser:
        recogniser.stages.locator = Nobody()
        found = recogniser.recognise(np.full((240, 320, 3), 128, np.uint8))

        assert (found.square, found.hand) == (None, None)
        assert not found.probabilities.any()
        assert list(found.stages) == ["locate"]
        assert recogniser.classify(np.full((240, 320, 3), 128, np.uint8)) == []
