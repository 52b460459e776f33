"""The loop: takes the newest frame, hands it to whoever consumes it, and looks after everything else in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from edge_asl_device.camera import Frame
from edge_asl_device.camera.supervisor import CameraStatus

WAIT_S = 0.1
"""How long the loop waits for a frame before it looks after everything else."""


class Feed(Protocol):
    """Where the loop's frames come from."""

    status: CameraStatus

    @property
    def brightness(self) -> float | None:
        """Mean of the last frame, 0 to 255."""
        ...

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame, or None when there is none within the time."""
        ...


class Consumer(Protocol):
    """What is done with frames: reading signs, or storing pictures."""

    def frame(self, frame: Frame, feed: Feed) -> None:
        """Take in one frame; its memory is only lent."""
        ...

    def no_frame(self, feed: Feed) -> None:
        """Nothing came for ``WAIT_S``."""
        ...


def run_loop(
    feed: Feed,
    consumer: Consumer,
    stop: threading.Event,
    *,
    between: Callable[[], None],
    max_fps: float | None = None,
) -> None:
    """Until ``stop`` is set: take the newest frame, hand it on, look after everything else.

    Args:
        feed: where frames come from.
        consumer: what is done with them.
        stop: ends the loop within ``WAIT_S``.
        between: called between two frames: buttons, a new bundle, the watchdog.
        max_fps: at most so many frames a second; the others are never looked at.
    """
    period_s = 1 / max_fps if max_fps else 0.0
    while not stop.is_set():
        started = time.monotonic()
        between()
        frame = feed.next(WAIT_S)
        if frame is None:
            consumer.no_frame(feed)
            continue
        consumer.frame(frame, feed)
        if (left_s := started + period_s - time.monotonic()) > 0:
            stop.wait(left_s)
