"""The real program as a child process, and a camera in front of it that misbehaves when told to."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
START_LIMIT_S, STOP_LIMIT_S = 20.0, 5.0


class Program:
    """``edge-asl-device`` with a page, on one port through all its restarts."""

    def __init__(self, log: Path, command: str, *arguments: str) -> None:
        self._log = log
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = (sys.executable, "-m", "edge_asl_device", command, *arguments, "--port", str(self.port))
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(self._words, stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self._child.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the program does not serve its page:\n{self._log.read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            # Not ready, or a token is asked for: somebody answers, whatever the status.
            self._ask("GET", "/healthz", 2)
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str, limit_s: float, body: str | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit_s)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            return connection.getresponse().status
        finally:
            connection.close()

    def send(self, number: signal.Signals) -> None:
        """A signal to the program and to its camera's process."""
        assert self._child is not None
        children = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text().split()
        for pid in (self._child.pid, *map(int, children)):
            os.kill(pid, number)

    def stop(self) -> None:
        """As systemd does."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(STOP_LIMIT_S)
            pytest.fail(f"the program does not end:\n{self._log.read_text()}")
        finally:
            self._child = None

    def post(self, path: str, **body: object) -> None:
        """What a button sends."""
        assert self._ask("POST", f"/api/{path}", 5, json.dumps(body)) == 204


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Stage:
    """A rehearsed camera: the film of BALLY over and over, and every fault on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(DATA / "BALLY.mp4", folder / "film.mp4")
        self.set("live")

    def set(self, state: str) -> None:
        """What the camera does from now on."""
        (self.folder / "state").write_text(state)

    @property
    def source(self) -> str:
        return f"rehearsal:{self.folder}"


@contextmanager
def held(stage: Stage, state: str) -> Iterator[None]:
    """The camera does this for a while, then works again."""
    stage.set(state)
    try:
        yield
    finally:
        stage.set("live")
