"""A real OpenSSH server on 127.0.0.1: its own configuration, host key and ports; it ends with the test.

    with Sshd(tmp_path) as server:
        ["ssh", "-F", server.config, server.name, "true"]

Host keys are checked: ``config`` names a known_hosts file with this server's key, and an identity that it lets in.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = None if PROGRAM and shutil.which("ssh") else "no sshd; apt install openssh-server"
"""Why there is no server to test with; None where there is one."""
LIMIT_S = 10.0
MOST_PORTS = 16
"""Of one process: sshd's MAX_LISTEN_SOCKS."""

_SERVER = """\
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 1000
MaxSessions 100
Subsystem sftp internal-sftp
{options}
"""
_CLIENT = """\
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/identity
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""


class Sshd:
    """A server that listens on one port for each name; a context manager.

    Args:
        folder: an empty or new one for its files.
        names: hosts of ``config``; all are this machine.
        options: further lines of sshd_config(5), ``SetEnv HOME=…`` say.
    """

    def __init__(self, folder: Path, names: Sequence[str] = ("kiosk",), options: Sequence[str] = ()) -> None:
        if MISSING:
            raise FileNotFoundError(MISSING)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.config = folder / "ssh_config"
        self.processes: list[subprocess.Popen[bytes]] = []
        for key in ("host_key", "identity"):
            # An older test's may lie there; ssh-keygen would ask.
            (folder / key).unlink(missing_ok=True)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", folder / key], check=True)
        shutil.copy(folder / "identity.pub", folder / "authorized_keys")
        self._write(options)

    def _write(self, options: Sequence[str]) -> None:
        known = (self.folder / "host_key.pub").read_text().split()[:2]
        lines = [f"[127.0.0.1]:{port} {' '.join(known)}\n" for port in self.ports.values()]
        (self.folder / "known_hosts").write_text("".join(lines))
        server = _SERVER.format(folder=self.folder, options="\n".join(options))
        (self.folder / "sshd_config").write_text(server)
        user = getpass.getuser()
        hosts = (_CLIENT.format(name=n, port=p, user=user, folder=self.folder) for n, p in self.ports.items())
        self.config.write_text("\n".join(hosts))

    @property
    def name(self) -> str:
        """The first host of ``config``."""
        return next(iter(self.ports))

    @property
    def port(self) -> int:
        """The first host's."""
        return self.ports[self.name]

    def start(self) -> None:
        """Listen; with the same keys and ports as before."""
        assert PROGRAM is not None
        if os.getuid() == 0:
            # Its separated privileges live there; Debian's unit makes it at boot.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = self.folder / "sshd.log"
        ports = list(self.ports.values())
        for first in range(0, len(ports), MOST_PORTS):
            command = [PROGRAM, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(log)]
            command += [word for port in ports[first : first + MOST_PORTS] for word in ("-p", str(port))]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True))
        deadline = time.monotonic() + LIMIT_S
        for port in ports:
            while not _answers(port):
                dead = any(process.poll() is not None for process in self.processes)
                if dead or time.monotonic() > deadline:
                    raise AssertionError(f"sshd does not listen on {port}: {log.read_text()[-2000:]}")
                time.sleep(0.02)

    def drop(self) -> None:
        """Break every connection, as a pulled cable does in the end; what it ran is not told."""
        for pid in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Listen no more, and break every connection."""
        self.drop()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(LIMIT_S)
        self.processes = []

    def _children(self) -> list[int]:
        """Processes of connections: direct children, and where sshd separates privileges, theirs that are sshd, too."""
        found, waiting = [], [process.pid for process in self.processes]
        while waiting:
            for child in _children_of(waiting.pop()):
                with contextlib.suppress(OSError):
                    if re.match("sshd", Path(f"/proc/{child}/comm").read_text()):
                        found.append(child)
                        waiting.append(child)
        return found

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
