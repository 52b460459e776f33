"""The system's OpenSSH, so that ``~/.ssh/config``, agent, jump hosts and host-key checking are the user's own.

All commands share one connection. Host keys are checked as the user's configuration says, never less. Nothing prompts:
whatever would need an answer is an error that says what to do.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from edge_asl.errors import ToolMissing, Unreachable

CONNECT_S = 15
ALIVE_S = 5
ALIVE_COUNT = 4
"""A pulled cable is noticed after 20 s; a Pi that is busy with its card answers within that."""
LEFT_BEHIND_S = 120
"""The shared connection of a command that was killed closes by itself."""
LOST = 255
"""ssh's own exit status if there is no connection, or no longer."""

NO_ANSWER = "no answer in {limit} s; is it switched on and on this network?"
REASONS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key has changed: the device was set up again, or somebody "
     "intercepts the connection; find out which, then run {remove}"),
    ("Host key verification failed", "its host key is not known yet; connect once with ssh{config} {name}, and compare "
     "the fingerprint"),
    ("Permission denied", "the device rejected your SSH key; run ssh-copy-id{config} {name}, or ssh-add your key"),
    ("Could not resolve hostname", "no host has that name; check the spelling"),
    ("Connection refused", "nothing listens on its SSH port; enable SSH on the device (raspi-config)"),
    ("No route to host", "there is no route to it; is it switched on and on this network?"),
    ("Connection timed out", NO_ANSWER),
    ("timed out", NO_ANSWER),
)  # fmt: skip
"""What ssh says → what it means and what to do."""


def reason(name: str, said: str, limit_s: int, config: Sequence[str] = ()) -> str | None:
    """Why there is no connection, and what to do; None if ssh's message is not known here.

    Args:
        config: ssh's options that a person needs for the same connection.
    """
    host = name.rpartition("@")[2].removeprefix("ssh://")
    # Debian's ssh names the file and the port, too.
    remove = re.search(r"ssh-keygen -f .+ -R [^\r\n]+", said)
    facts = {
        "name": name,
        "limit": limit_s,
        "config": "".join(f" {shlex.quote(word)}" for word in config),
        "remove": remove[0] if remove else f"ssh-keygen -R {host}",
    }
    return next((meaning.format(**facts) for mark, meaning in REASONS if mark in said), None)


class Ssh:
    """A device over SSH; a context manager.

    Args:
        name: ``pi@kiosk-1``, a host of ``~/.ssh/config``, or ``ssh://pi@kiosk-1:2222``.
        config: another file than ``~/.ssh/config``.

    Raises:
        ToolMissing: no ``ssh``.
        Unreachable: on entering, no connection.
    """

    def __init__(self, name: str, config: Path | None = None) -> None:
        if not name or name.startswith("-") or any(letter.isspace() for letter in name):
            raise Unreachable(f"{name!r}: not a valid target; name one such as pi@kiosk-1 or local:FOLDER")
        if shutil.which("ssh") is None:
            raise ToolMissing("ssh is not installed; sudo apt install openssh-client")
        self.name = name
        self._config = ["-F", str(config)] if config else []
        self._base = ["ssh", *self._config]
        self._socket = "none"
        self._cleanup = contextlib.ExitStack()

    def _options(self) -> list[str]:
        pairs = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_S,
            "ServerAliveInterval": ALIVE_S,
            "ServerAliveCountMax": ALIVE_COUNT,
            "ControlPath": self._socket,
            "Compression": "yes",
            "LogLevel": "INFO",
        }
        return [word for key, value in pairs.items() for word in ("-o", f"{key}={value}")]

    def command(self, argv: Sequence[str]) -> list[str]:
        """``ssh … TARGET -- 'quoted words'``: through the shared connection, or through its own if that is gone."""
        return [*self._base, *self._options(), "-o", "ControlMaster=no", "-T", self.name, "--", shlex.join(argv)]

    def lost(self, status: int, said: str) -> str | None:
        """What ssh's own failure means."""
        if status != LOST:
            return None
        if known := reason(self.name, said, CONNECT_S, self._config):
            return known
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        return f"the connection broke: {last}; try again"

    def __enter__(self) -> Self:
        # Not below TMPDIR, which may be long: a socket's path has at most 108 bytes.
        with contextlib.ExitStack() as stack:
            self._socket = stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-asl-", dir="/tmp")) + "/s"
            self._connect()
            self._cleanup = stack.pop_all()
        return self

    def _connect(self) -> None:
        shared = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={LEFT_BEHIND_S}", "-fNT"]
        master = [*self._base, *self._options(), *shared, self.name]
        with tempfile.TemporaryFile() as said:
            try:
                # Into a file: the connection in the background would hold a pipe open.
                run = subprocess.run(
                    master, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=4 * CONNECT_S, check=False
                )
            except subprocess.TimeoutExpired:
                raise Unreachable(f"{self.name}: no connection within {4 * CONNECT_S} s; try again") from None
            said.seek(0)
            reason = self.lost(run.returncode, said.read().decode(errors="replace"))
        if reason:
            raise Unreachable(f"{self.name}: {reason}")

    def __exit__(self, *_exception: object) -> None:
        command = [*self._base, "-o", f"ControlPath={self._socket}", "-O", "exit", self.name]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
        self._cleanup.close()
