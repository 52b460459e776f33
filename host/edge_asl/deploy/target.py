"""Which device, and how it is kept: from the command line's words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from edge_asl.deploy.local import Local
from edge_asl.deploy.remote import Remote
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

    def remote(self) -> Remote:
        """How to reach it."""
        return Local(self.name) if self.name.startswith(LOCAL) else Ssh(self.name, self.ssh_config)


def parse_target(name: str, mode: str | None, root: str | None, ssh_config: Path | None = None) -> Target:
    """A target from what was typed.

    Args:
        name: ``pi@kiosk-1``, ``ssh://…`` or ``local:FOLDER``.
        mode: ``system``, ``user``, ``plain``; None for the usual one: plain here, system there.
        root: another folder than the mode's.
        ssh_config: as for ``Ssh``.

    Raises:
        DeviceError: contradictory or missing words, or a file where a folder should be.
    """
    if name.startswith(LOCAL):
        folder = name.removeprefix(LOCAL) or root
        if not folder:
            raise DeviceError(f"{name}: expected a folder behind {LOCAL}, found none; local:kiosk, say")
        place = Path(folder).expanduser().absolute()
        for path in (place, *place.parents):
            if os.path.lexists(path) and not path.is_dir():
                raise DeviceError(f"{name}: expected a folder, found a file at {path}; name another")
        return Target(name, Mode(mode or Mode.PLAIN), str(place))
    chosen = Mode(mode or Mode.SYSTEM)
    folder = root or ROOTS.get(chosen)
    if not folder:
        raise DeviceError(f"{name}: expected --root FOLDER beside --mode plain, found none; name one on the device")
    return Target(name, chosen, folder, ssh_config)
