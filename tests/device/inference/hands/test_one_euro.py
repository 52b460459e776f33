"""The One Euro filter."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl_device.inference.hands.one_euro import OneEuro

RATE_HZ = 30
SECONDS = np.arange(0, 3, 1 / RATE_HZ)


def smoothed(values: np.ndarray, unit: float = 1.0) -> np.ndarray:
    taken = OneEuro(cutoff_hz=1.0, slope=2.0)
    return np.array([taken.smooth(value, time_s, unit) for value, time_s in zip(values, SECONDS, strict=True)])


def test_trembling_is_smoothed():
    noise = np.random.default_rng(1).normal(0, 0.01, (len(SECONDS), 4)).astype(np.float32)
    assert smoothed(noise)[30:].std() < 0.4 * noise[30:].std()


def test_a_movement_lags_by_less_than_a_filter_of_the_resting_frequency():
    ramp = (3 * SECONDS[:, None]).astype(np.float32)
    lag_s = (ramp - smoothed(ramp))[-1, 0] / 3
    resting_lag_s = 1 / (2 * np.pi * 1.0)
    assert 0 < lag_s < 0.25 * resting_lag_s


def test_speed_is_measured_in_the_given_unit():
    ramp = np.stack([SECONDS, 0 * SECONDS], axis=1).astype(np.float32)
    np.testing.assert_allclose(smoothed(100 * ramp, unit=100.0), 100 * smoothed(ramp), rtol=1e-4)


def test_the_first_value_is_taken_as_it_is_also_after_forgetting():
    taken = OneEuro(1.0, 0.0)
    assert taken.smooth(np.array([5.0], np.float32), 7.0) == 5
    taken.smooth(np.array([6.0], np.float32), 7.1)
    taken.forget()
    assert taken.smooth(np.array([9.0], np.float32), 7.2) == 9


@pytest.mark.parametrize("time_s", [1.0, 0.5])
def test_a_second_value_at_the_same_time_or_an_earlier_one_changes_nothing(time_s: float):
    taken = OneEuro(1.0, 0.0)
    taken.smooth(np.array([1.0], np.float32), 1.0)
    assert taken.smooth(np.array([9.0], np.float32), time_s) == 1
