"""Is what a camera delivers worth reading? Pure: judges small samples of pictures and the times they came."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import CameraState

SAME_PICTURE_S = 3.0
"""A sensor's noise makes every picture another one; the same bytes for so long come from a stuck buffer."""

BLACK_LEVEL = 10
"""Brightest sample of a covered lens, 0 to 255: a sensor's black is not quite 0, and 16 in video range."""

BLACK_S = 0.5
DARK_LEVEL = 40.0
"""Mean of a scene in which a hand can no longer be told from the wall."""

_STEP = 16


class Quality(NamedTuple):
    """What one picture tells about the camera."""

    state: CameraState
    """``LIVE``, ``BLACK`` or ``FROZEN``."""
    brightness: float
    """Mean, 0 to 255."""


class QualityMonitor:
    """Judges picture after picture, also across a camera that was opened again."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self._checksum: int | None = None
        self._changed_s = 0.0
        self._bright_s: float | None = None
        self._covered = False

    def judge(self, time_s: float, picture: NDArray[np.uint8]) -> Quality:
        """RGB uint8 (h, w, 3) and when it came. Looks at every 16th pixel of every 16th row: 20 µs."""
        sample = picture[::_STEP, ::_STEP]
        checksum = zlib.crc32(sample.tobytes())
        if checksum != self._checksum:
            self._checksum, self._changed_s = checksum, time_s
        if self._bright_s is None or sample.max() > BLACK_LEVEL:
            self._bright_s = time_s
        state = self._state(time_s)
        self._covered = state is CameraState.BLACK
        return Quality(state, float(sample.mean()))

    def reopened(self) -> None:
        """The next picture is the first of a camera that was opened again: it may be dark while the exposure settles,
        but a covered lens stays one.
        """
        if not self._covered:
            self._bright_s = None

    def _state(self, time_s: float) -> CameraState:
        if self._bright_s is not None and time_s - self._bright_s >= BLACK_S:
            # A covered lens may well deliver the same zeros forever: that is black, not frozen.
            return CameraState.BLACK
        if self._live and time_s - self._changed_s >= SAME_PICTURE_S:
            return CameraState.FROZEN
        return CameraState.LIVE
