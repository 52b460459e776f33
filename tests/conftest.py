"""What every layer of tests shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def golden_bundle() -> Path:
    """A really quantized bundle of format 1: drawn hands, 48 px; kept for ever."""
    return DATA / "bundle-v1"


@pytest.fixture(scope="session")
def hand_bundle() -> Path:
    """A bundle of format 2 with stand-ins for its models, 30 KB; kept for ever. ``models/letters`` is a real one."""
    return DATA / "bundle-v2"


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Real photographs, where EDGE_ASL_DATA names their folder."""
    return _folder_from("EDGE_ASL_DATA")


@pytest.fixture(scope="session")
def weights() -> Path:
    """Pretrained weights, where EDGE_ASL_WEIGHTS names their folder."""
    return _folder_from("EDGE_ASL_WEIGHTS")


def _folder_from(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} names no folder")
    return Path(value)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With EDGE_ASL_NO_SKIP=1 a skipped test is a failure: CI has everything that tests ask for."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if os.environ.get("EDGE_ASL_NO_SKIP") == "1" and skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
