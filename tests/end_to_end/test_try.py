"""``make try``, the first thing that anybody types: an environment of its own, and a page that reads, opened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import Listener, wait_for

ROOT = Path(__file__).parents[2]
FILM = ROOT / "tests" / "data" / "BALLY.mp4"
SETUP_S = 300.0
OPENER = """#!/bin/sh
echo "$1" > "$OPENED"
"""


@pytest.fixture
def desktop(tmp_path: Path) -> dict[str, str]:
    """An environment with a screen, on which a page is opened by writing its address down."""
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(OPENER)
    opener.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return inherited | {
        "PATH": f"{opener.parent}:{os.environ['PATH']}",
        "DISPLAY": ":0",
        "OPENED": str(tmp_path / "opened"),
    }


@pytest.fixture
def trial(desktop: dict[str, str]) -> Iterator[int]:
    """``make try`` with a film for a camera; the port of its page."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    command = ["make", "-C", str(ROOT), "try", f"CAMERA={FILM}", f"PORT={port}"]
    with subprocess.Popen(command, env=desktop, start_new_session=True) as making:
        opened = Path(desktop["OPENED"])
        try:
            wait_for(lambda: opened.exists() or making.poll() is not None, SETUP_S)
            assert making.poll() is None, "make try ended"
            assert opened.read_text() == f"http://127.0.0.1:{port}/\n"
            yield port
        finally:
            if making.poll() is None:
                os.killpg(making.pid, signal.SIGINT)


def test_it_opens_a_page_that_reads(trial: int):
    page = Listener(trial)
    wait_for(lambda: page.state.get("accepted"), 60, "a letter")
    page.close()
    assert not list((ROOT / ".venv-try").glob("lib/*/site-packages/tensorflow"))
