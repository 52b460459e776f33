"""What a kiosk does with its frames: it reads signs, or it stores pictures."""

from __future__ import annotations

import math
import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from edge_asl_device.camera import Frame
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.web.messages import Notice, PageState

NOTICE_S = 10.0
WAIT_S = 0.1
"""How long the loop waits for a frame before it looks after everything else."""

Publish = Callable[[PageState, Frame | None], None]
"""Shows a state, and the frame it was made from."""


class Mode(ABC):
    """It belongs to the loop's thread. Other threads reach it by ``command`` and ``submit`` alone."""

    activity: str
    """For ``systemctl status``."""
    stored = 0
    """Pictures stored in this run."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._notices: list[tuple[float, Notice]] = []

    @property
    def finished(self) -> bool:
        """Whether the program may end."""
        return False

    def submit(self, task: Callable[[], None]) -> None:
        """Have something done in the loop's thread before the next frame; from any thread."""
        self._tasks.put(task)

    def run_tasks(self) -> None:
        """Do what was submitted."""
        while not self._tasks.empty():
            self._tasks.get()()

    @abstractmethod
    def command(self, name: str, arguments: dict[str, Any]) -> None:
        """A visitor pressed a button; from any thread.

        Raises:
            ValueError: it does nothing in this mode, or an argument is missing or of the wrong type.
        """

    @abstractmethod
    def frame(self, frame: Frame, camera: CameraSupervisor) -> None:
        """Take in one frame; its memory is only lent."""

    @abstractmethod
    def no_frame(self, camera: CameraSupervisor) -> None:
        """Nothing came for ``WAIT_S``."""

    @abstractmethod
    def replace_reader(self, reader: Reader) -> None:
        """Read with another bundle from the next frame on."""

    def note(self, notice: Notice, *, stays: bool = False) -> None:
        """Tell whoever looks after the kiosk; one of each kind, for ``NOTICE_S`` unless it stays."""
        self.withdraw(notice.kind)
        self._notices.append((math.inf if stays else time.monotonic() + NOTICE_S, notice))

    def withdraw(self, kind: str) -> None:
        """Take back a notice."""
        self._notices = [(until_s, notice) for until_s, notice in self._notices if notice.kind != kind]

    def notices(self) -> tuple[Notice, ...]:
        """Those that the page shows now."""
        now_s = time.monotonic()
        self._notices = [(until_s, notice) for until_s, notice in self._notices if until_s > now_s]
        return tuple(notice for _, notice in self._notices)
