"""The end of the program: from any thread, for any reason, in time."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from edge_asl_device.telemetry.systemd import notify

END_LIMIT_S = 1.5
"""After SIGTERM; systemd and whoever waits at a terminal get their answer within two seconds, whatever hangs."""

log = logging.getLogger(__name__)


class Ending:
    """Ends everything once."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], None]] = []
        self.begun = threading.Event()
        self.exit_status = 0

    def call(self, *actions: Callable[[], None]) -> None:
        """What is to be done at the end, by whichever thread begins it; it must not wait."""
        self._actions += actions

    def begin(self) -> None:
        """End everything; what takes longer than ``END_LIMIT_S`` is left behind."""
        if self.begun.is_set():
            return
        notify(STOPPING=1)
        self.begun.set()
        for action in self._actions:
            action()
        # A thread of its own: whatever hangs, it still ends the process.
        guard = threading.Timer(END_LIMIT_S, self._leave)
        guard.daemon = True
        guard.start()

    def _leave(self) -> None:
        log.warning("a thread hangs; exiting without it")
        os._exit(self.exit_status)
