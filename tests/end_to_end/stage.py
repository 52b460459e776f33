"""The real program on one port through all its restarts, and a camera before it that misbehaves when told to."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from program import Program

DATA = Path(__file__).parents[1] / "data"
STOP_LIMIT_S = 5.0


class Kiosk:
    """``edge-asl-device`` with a page; started, stopped and started again on the same port."""

    def __init__(self, *arguments: object) -> None:
        self._arguments = arguments
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._program: Program | None = None

    def start(self) -> None:
        """Until it serves."""
        self._program = Program(*self._arguments, port=self.port).wait_until_ready()

    def stop(self) -> None:
        """As systemd does."""
        if self._program is not None:
            with self._program as program:
                program.end(limit_s=STOP_LIMIT_S)
            self._program = None

    def send(self, number: signal.Signals) -> None:
        """A signal to the program and to its camera's process."""
        assert self._program is not None
        for pid in (self._program.process.pid, *self._program.children()):
            os.kill(pid, number)

    def post(self, button: str, *, refused: bool = False, **arguments: object) -> None:
        """What a button sends."""
        assert self._program is not None
        assert self._program.press(button, **arguments) == (400 if refused else 204)


class Stage:
    """A rehearsed camera: the film of BALLY over and over, and every fault on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(DATA / "BALLY.mp4", folder / "video.mp4")
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
