"""Whose lock a device has. One deployment at a time; the lock names user, machine and process."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import socket
from pathlib import Path

from msgspec import Struct


class LockHolder(Struct, frozen=True):
    """Whose deployment is at work."""

    owner: str
    age_s: float


def lock_owner() -> str:
    """This process. Machines may have one name; what counts their processes has not."""
    found = hashlib.sha256()
    for name in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with contextlib.suppress(OSError):
            found.update(Path(name).read_bytes())
    with contextlib.suppress(OSError):  # a container's processes are numbered by themselves
        found.update(str(Path("/proc/self/ns/pid").readlink()).encode())
    return f"{getpass.getuser()}@{socket.gethostname()}/{found.hexdigest()[:6]}:{os.getpid()}"


def may_break(holder: LockHolder | None, *, asked: bool) -> bool:
    """Whether a device's lock may be overridden: somebody asked for it, or its owner was
    this user's process on this machine and has ended.
    """
    if asked or holder is None:
        return asked
    name, _, pid = holder.owner.rpartition(":")
    return name == lock_owner().rpartition(":")[0] and pid.isdecimal() and not Path(f"/proc/{pid}").exists()
