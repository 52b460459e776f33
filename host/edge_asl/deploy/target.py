"""Which device the command line names, and how the program runs there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from edge_asl.deploy.remote import Local, Session
from edge_asl.deploy.ssh import Ssh
from edge_asl.errors import DeviceError
from edge_asl_device.releases.installation import ROOTS, Mode

LOCAL = "local:"


class Target(NamedTuple):
    """A device and the folder on it."""

    name: str
    mode: Mode
    root: str
    """On the device; ``~`` is its user's."""
    ssh_config: Path | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Connect to it.

        Raises:
            Unreachable: no connection.
        """
        remote = Local(self.name) if self.name.startswith(LOCAL) else Ssh(self.name, self.ssh_config)
        with remote:
            yield Session(remote, elevate=self.mode is Mode.SYSTEM)


def parse_target(name: str, mode: Mode | None, root: str | None, ssh_config: Path | None = None) -> Target:
    """A target from what was typed.

    Args:
        name: ``pi@kiosk-1``, ``ssh://…`` or ``local:FOLDER``.
        mode: None for the usual one: plain on this machine, system elsewhere.
        root: another folder than the mode's.
        ssh_config: as for ``Ssh``.

    Raises:
        DeviceError: there is no folder, or a file where it should be.
    """
    if name.startswith(LOCAL):
        return Target(name, mode or Mode.PLAIN, _local_root(name, root))
    chosen = mode or Mode.SYSTEM
    folder = root or ROOTS.get(chosen)
    if not folder:
        raise DeviceError(f"{name}: --mode {chosen} has no default folder; name one on the device with --root")
    return Target(name, chosen, folder, ssh_config)


def _local_root(name: str, root: str | None) -> str:
    folder = name.removeprefix(LOCAL) or root
    if not folder:
        raise DeviceError(f"{name}: no folder is named; {LOCAL}kiosk, for example")
    path = Path(folder).expanduser().absolute()
    for above in (path, *path.parents):
        if os.path.lexists(above) and not above.is_dir():
            raise DeviceError(f"{name}: {above} is a file, not a folder; choose another")
    return str(path)
