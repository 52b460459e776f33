"""What the sign network is told of a hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl_device.contract.hand_features import inner_features, parts_of, shape_features, standardised, to_tensor
from edge_asl_device.contract.hand_points import DIRECTIONS, FEATURES, LIMIT, POINTS, POOLED, SHAPE, SIGN_INPUTS, TURN

RIGHT, LEFT = np.array([False]), np.array([True])


@pytest.fixture
def hand() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 40, (1, POINTS, 2)).astype(np.float32) + 200


def test_place_and_size_of_a_hand_do_not_matter(hand: np.ndarray):
    elsewhere = hand * 2.5 + (70, -30)

    np.testing.assert_allclose(shape_features(elsewhere, RIGHT), shape_features(hand, RIGHT), atol=1e-3)


def test_a_left_hand_is_read_like_the_right_one_in_a_mirror(hand: np.ndarray):
    np.testing.assert_allclose(shape_features(hand * (-1, 1), LEFT), shape_features(hand, RIGHT), atol=1e-3)
    assert np.abs(shape_features(hand, LEFT) - shape_features(hand, RIGHT)).max() > 0.1


def test_a_turned_hand_keeps_its_distances_and_cosines_but_not_its_directions(hand: np.ndarray):
    turned = hand[..., ::-1] * (-1, 1)  # by a quarter: G becomes Q
    before, after = shape_features(hand, RIGHT)[0], shape_features(turned, RIGHT)[0]

    points, distances, directions, cosines = (2 * POINTS, POINTS * (POINTS - 1) // 2, 40, 190)
    assert points + distances + directions + cosines == SHAPE
    np.testing.assert_allclose(after[points : points + distances], before[points : points + distances], atol=1e-3)
    np.testing.assert_allclose(after[-cosines:], before[-cosines:], atol=1e-3)
    assert np.abs(after[:points] - before[:points]).max() > 0.1


def test_the_hand_given_is_not_changed(hand: np.ndarray):
    before = hand.copy()
    shape_features(hand, LEFT)

    np.testing.assert_array_equal(hand, before)


def test_a_hand_in_one_point_gives_numbers():
    assert np.isfinite(shape_features(np.zeros((1, POINTS, 2), np.float32), RIGHT)).all()


def test_inner_features_come_in_the_networks_order():
    pooled = np.full((1, POOLED), 9, np.float32)
    pooled[0, 0] = -0.5  # rounding below zero
    found = inner_features(np.array([np.pi / 2], np.float32), pooled)[0]

    assert found.shape == (FEATURES - SHAPE,)
    assert found[:DIRECTIONS].argmax() == DIRECTIONS // 4, "a quarter turn"
    assert found[:DIRECTIONS].max() == pytest.approx(1)
    assert found[DIRECTIONS:TURN] == pytest.approx([1, 0], abs=1e-6)
    assert found[TURN] == 0
    assert (found[TURN + 1 :] == 3).all()


def test_numbers_come_back_from_the_tensor_to_half_a_step():
    scaling = np.stack([np.full(FEATURES, 5), np.full(FEATURES, 2)]).astype(np.float32)
    features = np.random.default_rng(1).normal(5, 2, (3, FEATURES)).astype(np.float32)
    features[0, :2] = 1e6, -1e6
    wanted = standardised(features, scaling)
    tensor = to_tensor(wanted)

    assert tensor.dtype == np.int8
    assert wanted[0, :2].tolist() == [LIMIT, -LIMIT]
    assert tensor[0, :2].tolist() == [127, -127]
    assert np.abs(tensor * SIGN_INPUTS["shape"].scale - wanted).max() <= SIGN_INPUTS["shape"].scale / 2 + 1e-6


def test_the_features_are_given_in_two_parts():
    parts = parts_of(np.arange(FEATURES, dtype=np.float32)[None])

    assert {name: part.shape for name, part in parts.items()} == {n: tensor.shape for n, tensor in SIGN_INPUTS.items()}
    assert (parts["shape"][0, -1], parts["inner"][0, 0], parts["inner"][0, -1]) == (SHAPE - 1, SHAPE, FEATURES - 1)
