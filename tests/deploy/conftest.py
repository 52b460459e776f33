"""One sshd, one workstation and one laid-out environment for all tests of deployments in a session."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bad_bundles
import pytest
from kiosk import Kiosk
from sshd import MISSING, Sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """The device's sshd."""
    if MISSING:
        pytest.skip(MISSING)
    with Sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def workstation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of ``edge-asl``: no key of the user's, and a copy of the program that nobody edits meanwhile."""
    folder = tmp_path_factory.mktemp("workstation")
    program = bad_bundles.program(folder / "program")
    return os.environ | {"XDG_CONFIG_HOME": str(folder / "config"), "PYTHONPATH": str(program)}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle 1.0, with a stored answer."""
    return bad_bundles.bundle(tmp_path_factory.mktemp("base") / "hands")


@pytest.fixture(scope="session")
def first(
    tmp_path_factory: pytest.TempPathFactory, server: Sshd, workstation: dict[str, str], base: Path
) -> Iterator[tuple[Kiosk, dict[str, object]]]:
    """A kiosk after its very first deployment, everything sent, and the report of it. Ended; others start from it."""
    kiosk = Kiosk(server, tmp_path_factory.mktemp("first") / "kiosk", workstation)
    try:
        yield kiosk, kiosk.deployed(base, "--options", kiosk.options)
    finally:
        kiosk.stop()


@pytest.fixture(scope="session")
def new_kiosk(
    tmp_path_factory: pytest.TempPathFactory, first: tuple[Kiosk, dict[str, object]]
) -> Iterator[Callable[[], Kiosk]]:
    """Makes kiosks on which nothing is installed, but whose disk has the environment's files already: hard links."""
    made: list[Kiosk] = []

    def make() -> Kiosk:
        kiosk = Kiosk(first[0].server, tmp_path_factory.mktemp("kiosk") / "kiosk", first[0].environment)
        kiosk.root.mkdir()
        for name in ("objects", "environments"):
            subprocess.run(["cp", "-al", first[0].root / name, kiosk.root / name], check=True)
        made.append(kiosk)
        return kiosk

    yield make
    for kiosk in made:
        kiosk.stop()
        shutil.rmtree(kiosk.root, ignore_errors=True)


@pytest.fixture(scope="module")
def kiosk(new_kiosk: Callable[[], Kiosk], base: Path) -> Kiosk:
    """A kiosk that serves ``base``; what a test breaks it mends."""
    kiosk = new_kiosk()
    kiosk.deployed(base, "--options", kiosk.options)
    return kiosk
