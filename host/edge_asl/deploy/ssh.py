"""The system's OpenSSH, so that ``~/.ssh/config``, agent, jump hosts and host-key checking are the user's own.

All commands share one connection, and it stays open for the next program, as Ansible's do: to connect takes longer than
all that an unchanged deployment asks. Host keys are checked as the user's configuration says, never less. Nothing
prompts: whatever would need an answer is an error that says what to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from edge_asl.deploy.reasons import ssh_reason, telling_line
from edge_asl.errors import ToolMissing, Unreachable

CONNECT_S = 15
ALIVE_S = 5
ALIVE_COUNT = 4
"""A pulled cable is noticed after 20 s; a Pi that is busy with its card answers within that."""
KEPT_S = 120
"""How long a connection that nobody uses stays open."""
LOST = 255
"""ssh's own exit status if there is no connection, or no longer."""
_SUFFIX = ".ssh"  # while ssh makes a socket, it has a longer name
# Not TMPDIR, which may be long: a socket's path has at most 108 bytes.
_SHORT = Path("/tmp")  # noqa: S108 - others may not even look into the folder there


def check_name(name: str) -> None:
    """Refuse what is no target.

    Raises:
        Unreachable: it says how to write what was meant.
    """
    if not name or name.startswith("-") or any(letter.isspace() for letter in name):
        raise Unreachable(f"{name!r}: not a valid target; name one such as pi@kiosk-1 or local:FOLDER")
    if "://" in name:
        _check_url(name)
        return
    if "," in name:
        raise Unreachable(f"{name}: expected one device, found a comma; name one, or many in --inventory")
    if "[" in name or "]" in name:
        raise Unreachable(f"{name}: only ssh:// has brackets; write pi@fe80::1, or ssh://pi@[fe80::1]:22")
    if name.endswith("@"):
        raise Unreachable(f"{name}: expected a device after the @; name one such as pi@kiosk-1")
    host, colon, after = name.partition(":")
    if colon and after.isdecimal():
        raise Unreachable(f"{name}: ssh would take all of it for a host's name; write ssh://{name}")
    if colon and host and after.startswith(("/", "~")):
        raise Unreachable(f"{name}: a folder is named with --root: {host} --root {after}")


def _check_url(name: str) -> None:
    if not name.startswith("ssh://"):
        raise Unreachable(
            f"{name}: expected ssh://, found another kind of address; write pi@kiosk-1, or ssh://pi@kiosk-1"
        )
    try:
        url = urlsplit(name)
        _ = url.port
    except ValueError as error:
        raise Unreachable(f"{name}: {error}; expected ssh://pi@kiosk-1:2222, for example") from error
    if url.password is not None:
        # Not repeated: it would stand in logs.
        raise Unreachable("ssh://…: found a password before the @, which ssh takes none of; set up a key (ssh-copy-id)")


class Ssh:
    """A device over SSH; a context manager.

    Args:
        name: ``pi@kiosk-1``, a host of ``~/.ssh/config``, or ``ssh://pi@kiosk-1:2222``.
        config: another file than ``~/.ssh/config``.

    Raises:
        ToolMissing: no ``ssh``.
        Unreachable: no such target; at the first command, no connection.
    """

    def __init__(self, name: str, config: Path | None = None) -> None:
        check_name(name)
        if shutil.which("ssh") is None:
            raise ToolMissing("ssh is not installed; sudo apt install openssh-client")
        self.name = name
        self._config = ["-F", str(config)] if config else []
        self._base = ["ssh", *self._config]
        self._socket = "none"
        self._cleanup = contextlib.ExitStack()
        self._connecting: tuple[subprocess.Popen[bytes], IO[bytes]] | None = None

    def _options(self) -> list[str]:
        pairs = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_S,
            "ServerAliveInterval": ALIVE_S,
            "ServerAliveCountMax": ALIVE_COUNT,
            "ControlPath": self._socket,
            "Compression": "yes",
            "LogLevel": "INFO",
            "RemoteCommand": "none",  # of the user's configuration, for a person who logs in
        }
        return [word for key, value in pairs.items() for word in ("-o", f"{key}={value}")]

    def command(self, argv: Sequence[str]) -> list[str]:
        """``ssh … TARGET -- 'quoted words'``: through the shared connection, or through its own if that is gone.

        Raises:
            Unreachable: there is no connection.
        """
        self._wait_connected()
        return [*self._base, *self._options(), "-o", "ControlMaster=no", "-T", self.name, "--", shlex.join(argv)]

    def lost(self, status: int, said: str) -> str | None:
        """What ssh's own failure means."""
        if status != LOST:
            return None
        if known := ssh_reason(self.name, said, CONNECT_S, self._config):
            return known
        return f"the connection broke: {telling_line(said).rstrip('.') or 'no reason given'}; try again"

    def __enter__(self) -> Self:
        """Begin to connect, if no connection has been kept; the first command waits for it."""
        with contextlib.ExitStack() as stack:
            folder = shared_folder()
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-asl-", dir=_SHORT)))
                stack.callback(self._disconnect)  # nobody would find it again
            which = _digest(self.name, self._config)
            kept = next((path for path in folder.glob(f"{which}-*{_SUFFIX}") if _listens(path)), None)
            self._socket = str(kept or folder / f"{which}-{secrets.token_hex(4)}{_SUFFIX}")
            if kept is None:
                self._begin_connecting(stack)
            self._cleanup = stack.pop_all()
        return self

    def _begin_connecting(self, stack: contextlib.ExitStack) -> None:
        shared = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={KEPT_S}", "-fNT"]
        master = [*self._base, *self._options(), *shared, self.name]
        # Into a file: the connection in the background would hold a pipe open.
        said = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack is one
        process = subprocess.Popen(master, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        stack.callback(_end, process)
        self._connecting = process, said

    def _wait_connected(self) -> None:
        if self._connecting is None:
            return
        process, said = self._connecting
        try:
            status = process.wait(4 * CONNECT_S)
        except subprocess.TimeoutExpired:
            raise Unreachable(f"{self.name}: no connection within {4 * CONNECT_S} s; try again") from None
        self._connecting = None
        said.seek(0)
        reason = self.lost(status, said.read().decode(errors="replace"))
        if reason:
            raise Unreachable(f"{self.name}: {reason}")

    def __exit__(self, *exception: object) -> None:
        if any(isinstance(one, Unreachable) for one in exception):
            self._disconnect()
        self._cleanup.close()

    def _disconnect(self) -> None:
        """Close the connection, and let nobody find it even if it does not close."""
        command = [*self._base, "-o", f"ControlPath={self._socket}", "-O", "exit", self.name]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
        Path(self._socket).unlink(missing_ok=True)


def shared_folder(parent: Path = _SHORT) -> Path | None:
    """Where this user's connections are found, and by nobody else; None if others could reach it."""
    folder = parent / f"edge-asl-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(0o700)
    found = folder.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if own else None


def _digest(name: str, config: Sequence[str]) -> str:
    """Of what decides where a connection leads, as far as it can be told without ssh."""
    file = Path(config[-1]) if config else Path("~/.ssh/config").expanduser()
    changed = file.stat().st_mtime_ns if file.exists() else 0
    return hashlib.sha256(f"{name}\0{file.absolute()}\0{changed}".encode()).hexdigest()[:16]


def _listens(path: Path) -> bool:
    """Whether ssh listens at a socket; one that nobody listens at any more is deleted."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """One that still connects; afterwards the connection lives in a process of its own."""
    if process.poll() is None:
        process.kill()
        process.wait()
