"""The system's OpenSSH, so that ``~/.ssh/config``, agent, jump hosts and host-key checking are the user's own.

One connection is opened and shared by all commands. Nothing here weakens the checking of host keys, and nothing asks:
what needs an answer is an error that says what to do.
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
"""A cable that was pulled is noticed after 20 s; a Pi that is busy with its card answers within that."""
LEFT_BEHIND_S = 120
"""After a command that was killed its connection goes by itself; who needs it later connects anew."""
LOST = 255
"""ssh's own exit status where there was no connection, or no longer."""

REASONS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "expected the host key that is known, found another: the device was set "
     "up anew, or somebody is in between; find out which, then {remove}"),
    ("Host key verification failed", "expected a known host key, found an unknown one; connect once with: "
     "ssh{config} {name}, and compare the fingerprint"),
    ("Permission denied", "expected to be let in with a key, found a refusal; ssh-copy-id{config} {name}, "
     "or ssh-add your key"),
    ("Could not resolve hostname", "expected a host of that name, found none; check the name"),
    ("Connection refused", "expected an SSH server, found the port closed; enable SSH on the device (raspi-config)"),
    ("No route to host", "expected a way to it, found none; is it switched on and in this network?"),
    ("Connection timed out", "expected an answer, found none in {limit} s; is it switched on and in this network?"),
    ("timed out", "expected an answer, found none in {limit} s; is it switched on and in this network?"),
)  # fmt: skip


def reason(name: str, said: str, limit_s: int, config: Sequence[str] = ()) -> str | None:
    """Why there was no connection, and what to do; None where what ssh said is not known.

    Args:
        name: of the target, as ssh was told.
        said: by ssh.
        limit_s: for the connection.
        config: ssh's own options, which the same command needs when a person types it.
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
    return next((words.format(**facts) for mark, words in REASONS if mark in said), None)


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
            raise Unreachable(f"{name!r}: expected a target such as pi@kiosk-1 or local:FOLDER, found otherwise")
        if shutil.which("ssh") is None:
            raise ToolMissing("ssh: expected OpenSSH's client, found none; apt install openssh-client")
        self.name = name
        self._config = ["-F", str(config)] if config else []
        self._base = ["ssh", *self._config]
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def _socket(self) -> str:
        return f"{self._folder.name}/s" if self._folder else "none"

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
        """``ssh … TARGET -- 'quoted words'``, through the shared connection while it lives, else by itself."""
        return [*self._base, *self._options(), "-o", "ControlMaster=no", "-T", self.name, "--", shlex.join(argv)]

    def lost(self, status: int, said: str) -> str | None:
        """What ssh's own failure means."""
        if status != LOST:
            return None
        if words := reason(self.name, said, CONNECT_S, self._config):
            return words
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        return f"expected the connection to last, found: {last}; try again"

    def __enter__(self) -> Self:
        # Not below a long TMPDIR: a socket's path has 108 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="edge-asl-", dir="/tmp")
        master = [
            *self._base,
            *self._options(),
            "-o",
            "ControlMaster=yes",
            "-o",
            f"ControlPersist={LEFT_BEHIND_S}",
            "-fNT",
            self.name,
        ]
        with tempfile.TemporaryFile() as said:
            try:
                # Into a file: the connection that stays in the background would hold a pipe open.
                run = subprocess.run(
                    master, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=4 * CONNECT_S, check=False
                )
            except subprocess.TimeoutExpired:
                self._close()
                raise Unreachable(f"{self.name}: expected a connection within {4 * CONNECT_S} s, found none") from None
            said.seek(0)
            reason = self.lost(run.returncode, said.read().decode(errors="replace"))
        if reason:
            self._close()
            raise Unreachable(f"{self.name}: {reason}")
        return self

    def __exit__(self, *_exception: object) -> None:
        command = [*self._base, "-o", f"ControlPath={self._socket}", "-O", "exit", self.name]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
        self._close()

    def _close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
