"""What a device is and has, read in one round trip without changing anything."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import Struct

from edge_asl.deploy.environment.platforms import Platform
from edge_asl.deploy.lock import LockHolder
from edge_asl.deploy.remote import Session
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError
from edge_asl_device.releases.installation import Installation


class Facts(Struct, frozen=True):
    """What ``agent.facts`` reads. Golden files of plans hold these as JSON."""

    machine: str
    bits: int
    python: str
    interpreter: str
    glibc: str
    distribution: str
    codename: str
    system: str
    platform: str
    uid: int
    user: str
    host: str
    processors: int
    memory_mb: int
    memory_limits: bool
    """Whether the kernel counts memory, so that systemd can limit it."""
    free_mb: int
    writable: bool
    clock: float
    systemd: str | None
    lingers: bool
    """Whether the user's services start with the machine."""
    debian: dict[str, str | None]
    cameras: list[str]
    edgetpu: list[str]
    libedgetpu: bool
    ssh_keygen: bool
    """Which verifies signatures there."""
    options: str
    root: str
    settings: str
    lock: LockHolder | None
    status: dict[str, Any] | None
    """``edge-asl-device status`` of the release that runs."""
    signers: list[str] = []
    """Names of those whose bundles it accepts; empty if it accepts all."""
    minimums: dict[str, str] = {}
    """Bundle → the lowest version that it accepts."""
    activation: dict[str, Any] | None = None
    """The last one; also if it failed and nothing is installed."""
    screen: bool = False
    """Whether it shows the page on its own screen."""
    recheck: bool = False
    """Whether the program of the last activation did not start: every file there is to be hashed."""
    clock_off_s: float = 0.0
    """The device's clock minus this one's."""

    def platform_of(self) -> Platform:
        """What chooses the environment."""
        return Platform(
            self.distribution, self.codename, self.machine, self.bits, self.python, self.glibc, self.interpreter
        )

    def current(self, key: str) -> str | None:
        """A value of the release that runs: ``digest``, ``environment``, ``version``, …"""
        release = (self.status or {}).get("current") or {}
        return release.get(key) if isinstance(release, dict) else None

    @property
    def releases(self) -> list[dict[str, Any]]:
        """Every release there."""
        return list((self.status or {}).get("releases") or [])

    @property
    def healthy(self) -> bool:
        """Whether the current release runs and is ready."""
        return bool((self.status or {}).get("ok"))


def read_facts(session: Session, target: Target) -> Facts:
    """Ask the device.

    Raises:
        DeviceError: it has no Python, or its answer is not what was expected.
        Unreachable: no connection.
    """
    found = session.agent("facts", {"paths": Installation.at(target.root, target.mode).paths()})
    found["clock_off_s"] = round(found.get("clock", 0.0) - time.time(), 1)
    try:
        return msgspec.convert(found, Facts)
    except msgspec.ValidationError as error:
        raise DeviceError(f"{target.name}: the device's facts cannot be read by this version: {error}") from error
