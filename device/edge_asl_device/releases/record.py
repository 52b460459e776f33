"""How far an activation came: ROOT/activation.json, written anew at every step, synced.

After a power cut or a lost connection it tells what happened, and what is still to be recovered.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec import Struct

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import write_atomically
from edge_asl_device.releases.installation import Installation


class Outcome(StrEnum):
    """What became of an activation."""

    RUNNING = "running"
    """Not ended; if nobody is at it, it was interrupted."""
    ACTIVATED = "activated"
    """The release serves."""
    REFUSED = "refused"
    """Nothing was switched."""
    ROLLED_BACK = "rolled-back"
    """It was switched, was not healthy, and the one before serves again."""
    FAILED = "failed"
    """It was not healthy, and there is no healthy one before it."""


class Record(Struct, frozen=True):
    """``activation.json``. Unknown keys are passed over: an older program may read a newer one's after a rollback."""

    release: str
    fallback: str | None
    """What served before, and serves again if this does not."""
    outcome: Outcome
    step: str
    message: str
    since: float
    """Seconds since 1970 by the device's clock, which may stand there."""
    previous: str | None = None
    """What ``previous`` named before; if this release does not serve, it names it again."""
    frames_expected: bool = False
    log: list[str] = []
    """The program's last lines where it failed."""


def read_record(installation: Installation) -> Record | None:
    """The last activation; None before the first, or where the file is no record."""
    try:
        return msgspec.json.decode(installation.activation.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(installation: Installation, record: Record) -> None:
    """Replace the record, synced."""
    write_atomically(installation.activation, msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def begun(release: str, fallback: str | None, previous: str | None) -> Record:
    """The record of an activation that begins."""
    return Record(release, fallback, Outcome.RUNNING, "begin", "", time.time(), previous)


@contextlib.contextmanager
def only_one(installation: Installation) -> Iterator[None]:
    """Keep a second activation out; the kernel lets go of it when the process ends, however it ends.

    Raises:
        ReleaseError: another one is at work.
    """
    with (installation.root / "activation.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = read_record(installation)
            found = f"one of {record.release[:12]} in step {record.step}" if record else "another"
            raise ReleaseError(
                f"activation: expected none at work, found {found}; wait, and see edge-asl-device status"
            ) from None
        yield


def at_work(installation: Installation) -> bool:
    """Whether an activation is at work now."""
    try:
        descriptor = os.open(installation.root / "activation.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
