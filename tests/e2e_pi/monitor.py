"""qemu's own line (QMP): what one does to the machine that the machine itself cannot: pull its cable, copy its memory.

Protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any, Self


class MonitorError(Exception):
    """qemu refused a command, or said nothing in time."""


class Monitor:
    """A connection to the socket that ``qemu -qmp unix:PATH,server=on,wait=off`` listens on."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._socket = _connected(path, timeout_s)
        self._lines = self._socket.makefile("rb")
        self._answer()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, timeout_s: float = 20, **arguments: Any) -> Any:
        """One command's answer.

        Raises:
            MonitorError: qemu refused it or did not answer in time.
        """
        self._socket.settimeout(timeout_s)
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        return self._answer()

    def type(self, line: str, timeout_s: float = 60) -> None:
        """A line of the monitor made for people, which says nothing when it did what it was told.

        Raises:
            MonitorError: it said something.
        """
        said = self.ask("human-monitor-command", timeout_s, **{"command-line": line})
        if said.strip():
            raise MonitorError(f"{line}: {said.strip()}")

    def _answer(self) -> Any:
        while True:
            try:
                line = self._lines.readline()
            except TimeoutError:
                raise MonitorError("qemu: expected an answer in time, found none") from None
            said = json.loads(line or '{"error": {"desc": "qemu has ended"}}')
            if "error" in said:
                raise MonitorError(said["error"]["desc"])
            if "event" not in said:  # events come between: a link went down, the machine was reset
                return said.get("return")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connected(path: Path, timeout_s: float) -> socket.socket:
    """qemu makes the socket soon after its start."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), contextlib.ExitStack() as failed:
            line = failed.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            line.settimeout(timeout_s)
            line.connect(str(path))
            failed.pop_all()
            return line
        if time.monotonic() > deadline:
            raise MonitorError(f"qemu: expected its socket {path} within {timeout_s:.0f} s, found none")
        time.sleep(0.02)
