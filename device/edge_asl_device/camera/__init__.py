"""Where frames come from: one small Protocol, one module per kind of source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.errors import EdgeAslError


class CameraState(StrEnum):
    """What a camera is doing, as page, log and ``/healthz`` name it."""

    STARTING = "starting"
    LIVE = "live"
    MISSING = "missing"
    """No such camera."""
    BUSY = "busy"
    """Another program has it."""
    LOST = "lost"
    """It delivered pictures and was pulled out, or its process died."""
    FROZEN = "frozen"
    """It is there, but no new picture comes."""
    BLACK = "black"
    """Pictures come, all black: a cap on the lens, no light at all."""
    FAILED = "failed"
    """Another fault; the reason says which."""
    ENDED = "ended"
    """A video has come to its end."""


class CameraError(EdgeAslError):
    """A camera cannot be opened or stopped delivering.

    Args:
        state: what a page shows: ``MISSING``, ``BUSY``, ``LOST``, ``FROZEN`` or ``FAILED``.
        message: one line for the log.
    """

    def __init__(self, state: CameraState, message: str) -> None:
        super().__init__(message)
        self.state = state


class Frame(NamedTuple):
    """One picture and when it was taken."""

    time_s: float
    """Seconds on a monotonic clock (``time.monotonic()``); of a video that is not paced, the video's own time."""
    picture: NDArray[np.uint8]
    """RGB, uint8, (height, width, 3)."""


Allocate = Callable[[int, int], NDArray[np.uint8]]
"""(height, width) → the memory that the next picture is written to: uint8 (height, width, 3), C-contiguous."""


def new_picture(height: int, width: int) -> NDArray[np.uint8]:
    """Fresh memory for one picture: for callers that keep their pictures."""
    return np.empty((height, width, 3), np.uint8)


class Camera(Protocol):
    """A source of frames; a context manager that owns its device.

    Entering opens the device; leaving gives it back, also after a fault, so that it can be opened again.
    """

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Frames in order until the source ends.

        Args:
            allocate: called once before each frame for the memory that the picture is written to. A camera writes
                there straight from the driver's buffer: one copy, not two.

        Raises:
            CameraError: no frame came within two seconds (``FROZEN``), the device is gone (``LOST``), …
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exception: object) -> None: ...
