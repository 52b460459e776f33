"""The loop: takes the newest frame, hands it to the mode, and looks after everything else in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.kiosk.mode import Mode

WAIT_S = 0.1
"""How long the loop waits for a frame before it looks after everything else."""


def run_loop(
    camera: CameraSupervisor,
    mode: Mode,
    stop: threading.Event,
    *,
    between: Callable[[], None],
    max_fps: float | None = None,
) -> None:
    """Until ``stop`` is set: take the newest frame, hand it on, look after everything else.

    Args:
        camera: where frames come from.
        mode: what is done with them.
        stop: ends the loop within ``WAIT_S``.
        between: called between two frames: buttons, a new bundle, the watchdog.
        max_fps: at most so many frames a second; the others are never looked at.
    """
    period_s = 1 / max_fps if max_fps else 0.0
    while not stop.is_set():
        started = time.monotonic()
        between()
        frame = camera.next(WAIT_S)
        if frame is None:
            mode.no_frame(camera)
            continue
        mode.frame(frame, camera)
        if (left_s := started + period_s - time.monotonic()) > 0:
            stop.wait(left_s)
