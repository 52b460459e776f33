"""Tells systemd that the program is ready, alive or stopping: sd_notify(3), a datagram to a socket."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(**what: object) -> bool:
    """Send ``READY=1``, ``STATUS=…``, ``WATCHDOG=1``; False if systemd does not listen.

    Never raises: without systemd nothing is lost.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    message = "\n".join(f"{name}={value}" for name, value in what.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(0.2)
        sender.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
        return True
    return False


class Watchdog:
    """Feeds systemd's watchdog while real work is being done.

    The unit's ``WatchdogSec=`` says how long it may go without; it is fed four times as often.
    """

    def __init__(self) -> None:
        own = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit_us = os.environ.get("WATCHDOG_USEC", "")
        self._period_s = int(limit_us) / 4e6 if own and limit_us.isdecimal() else None
        self._due_s = 0.0

    def alive(self) -> None:
        """Work was done: a frame was read, or a camera without frames is being looked after."""
        now_s = time.monotonic()
        if self._period_s is not None and now_s >= self._due_s:
            self._due_s = now_s + self._period_s
            notify(WATCHDOG=1)
