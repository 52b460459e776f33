"""Hands that somebody else has measured, fitted to our readings."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl.training.measured import fitted, in_palms

RNG = np.random.default_rng(4)
SHAPES = RNG.normal(0, 1, (3, 21, 2)).astype(np.float32)
OWN_LABELS = np.repeat(np.arange(2), 50)
OWN = SHAPES[OWN_LABELS] * 30 + 200 + RNG.normal(0, 1.5, (100, 21, 2)).astype(np.float32)


def test_the_other_hand_is_mirrored_and_a_right_one_kept():
    same, mirrored = SHAPES[[0]] * 7, SHAPES[[0]] * (-9, 9)
    found, near = fitted(np.concatenate([same, mirrored]), np.array([0, 0]), OWN, OWN_LABELS)

    assert near.all()
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[0], in_palms(SHAPES[[0]])[0], atol=1e-5)


def test_what_is_far_from_its_sign_is_left_out():
    _, near = fitted(SHAPES[[1, 2, 1]], np.array([1, 1, 0]), OWN, OWN_LABELS)

    assert near.tolist() == [True, False, False]


def test_a_sign_that_our_readings_lack_is_left_out():
    _, near = fitted(SHAPES[[1]], np.array([7]), OWN, OWN_LABELS)

    assert near.tolist() == [False]


@pytest.mark.parametrize("unit", [0.01, 1, 300])
def test_the_unit_does_not_matter(unit: float):
    found, near = fitted(SHAPES[[1]] * unit, np.array([1]), OWN, OWN_LABELS)

    assert near.all()
    np.testing.assert_allclose(found, in_palms(SHAPES[[1]]), atol=1e-4)
