"""How far an activation got: ROOT/activation.json, rewritten and synced at every step.

After a power cut or a lost connection it tells what happened and what is left to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import write_atomically
from edge_asl_device.releases.installation import Installation

Announce = Callable[[str, str], None]
"""Told (step, what came of it)."""


class Outcome(StrEnum):
    """How an activation ended."""

    RUNNING = "running"
    """Not finished; if no process is at it, it was interrupted."""
    ACTIVATED = "activated"
    """The release serves."""
    REFUSED = "refused"
    """Nothing was switched."""
    ROLLED_BACK = "rolled-back"
    """It was switched to, was not healthy, and the release before serves again."""
    FAILED = "failed"
    """It was not healthy, and neither is the release before, if there is one."""


class Record(Struct, frozen=True):
    """``activation.json``. Unknown keys are ignored: after a rollback an older program may read a newer one's."""

    release: str
    fallback: str | None
    """The release to go back to."""
    outcome: Outcome
    step: str
    message: str
    since: float
    """Seconds since 1970 by the device's clock, which may be wrong."""
    previous: str | None = None
    """What ``previous`` named before, to be restored if this release does not serve."""
    frames_expected: bool = False
    log: list[str] = []
    """The program's last log lines if it failed."""


def read_record(installation: Installation) -> Record | None:
    """The last activation; None before the first, or where the file is no record."""
    try:
        return msgspec.json.decode(installation.activation.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


class Journal:
    """The record of one activation while it goes on, and who is told about it."""

    def __init__(self, installation: Installation, record: Record, announce: Announce) -> None:
        self._installation, self.record, self.announce = installation, record, announce

    def enter(self, step: str, message: str = "", **changes: Any) -> None:
        """Write down that a step begins, with what is known by then: any fields of the record."""
        self._write(step=step, message=message, **changes)
        with contextlib.suppress(OSError):  # shows other deployments that this one is alive
            os.utime(self._installation.lock)

    def finish(self, outcome: Outcome, message: str) -> Record:
        """Write down how it ended."""
        self._write(outcome=outcome, message=message)
        self.announce(str(outcome), message)
        return self.record

    def _write(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        encoded = msgspec.json.format(msgspec.json.encode(self.record))
        write_atomically(self._installation.activation, encoded + b"\n")


@contextlib.contextmanager
def only_one(installation: Installation) -> Iterator[None]:
    """Keep a second activation out. The kernel releases the lock when the process ends, however it ends.

    Raises:
        ReleaseError: another one is in progress.
    """
    with (installation.root / "activation.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = in_progress(installation)
            raise ReleaseError(f"{other}; wait for it to finish, edge-asl-device status shows its progress") from None
        yield


def in_progress(installation: Installation) -> str:
    """A line on the activation in progress."""
    record = read_record(installation)
    which = f"of {record.release[:12]} (step {record.step})" if record else "of another release"
    return f"activation {which} is in progress"


def at_work(installation: Installation) -> bool:
    """Whether an activation is in progress."""
    try:
        with (installation.root / "activation.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there was no activation yet
        pass
    return False
