"""The One Euro filter: still hands do not tremble, moving ones do not lag.

Casiez, Roussel, Vogel 2012, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SPEED_CUTOFF_HZ = 1.0


class OneEuro:
    """Smooths an array over time, each number by itself.

    Args:
        cutoff_hz: the cut-off frequency at rest: less is smoother.
        slope: by how much it rises with the speed, in Hz for one unit a second: more lags less.
    """

    def __init__(self, cutoff_hz: float, slope: float) -> None:
        self._cutoff_hz, self._slope = cutoff_hz, slope
        self.forget()

    def forget(self) -> None:
        """Start anew: the next value is taken as it is."""
        self._value: NDArray[np.float64] | None = None
        self._time_s = 0.0

    def smooth(self, value: NDArray[np.float32], time_s: float, unit: float = 1.0) -> NDArray[np.float32]:
        """The value that the filter holds after ``value``, of the same shape.

        Args:
            value: float32, always of the same shape.
            time_s: seconds; at the same time or an earlier one the filter stays as it is.
            unit: what ``slope`` measures the speed in: the size of the hand, so that near and far ones move alike.
        """
        if self._value is None:
            self._value, self._speed = value.astype(np.float64), np.zeros(value.shape)
        elif (gap_s := time_s - self._time_s) > 0:
            speed = (value - self._value) / gap_s / unit
            self._speed += _share(SPEED_CUTOFF_HZ, gap_s) * (speed - self._speed)
            cutoff_hz = self._cutoff_hz + self._slope * np.abs(self._speed)
            self._value = self._value + _share(cutoff_hz, gap_s) * (value - self._value)
        else:
            return self._value.astype(np.float32)
        self._time_s = time_s
        return self._value.astype(np.float32)


def _share(cutoff_hz: float | NDArray[np.float64], gap_s: float) -> float | NDArray[np.float64]:
    """How much of a new value a low-pass filter of first order takes up."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * gap_s))
