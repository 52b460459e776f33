"""What the checks of the emulated machine share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Machine


@pytest.fixture(scope="session")
def pi_disk() -> Path:
    """The folder that disk.sh made."""
    folder = os.environ.get("EDGE_ASL_PI_DISK")
    if not folder:
        pytest.skip("EDGE_ASL_PI_DISK names no folder; run make e2e-pi")
    return Path(folder)


@pytest.fixture(scope="module")
def kiosk(pi_disk: Path) -> Iterator[Machine]:
    """A machine for one file's checks, booted, with a snapshot ``booted`` of that moment."""
    with Machine(pi_disk) as machine:
        machine.snapshot("booted")
        yield machine
