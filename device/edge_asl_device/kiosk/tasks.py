"""What other threads want done in the loop's thread, between two frames."""

from __future__ import annotations

import queue
from collections.abc import Callable


class LoopTasks:
    """A queue of things to do."""

    def __init__(self) -> None:
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def submit(self, what: Callable[[], None]) -> None:
        """Have something done before the next frame; from any thread."""
        self._wishes.put(what)

    def run_tasks(self) -> None:
        """Do what was asked for; in the loop's thread."""
        while not self._wishes.empty():
            self._wishes.get()()
