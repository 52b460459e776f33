"""Progress of long work, always on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called with how much is done so far, a note such as ``loss 0.12``, and the total if it was not known before."""

    def __call__(self, done: int, note: str = "", total: int | None = None) -> None: ...


def unwatched(done: int, note: str = "", total: int | None = None) -> None:
    """The ``Advance`` of callers who watch no progress."""


class Progress(Protocol):
    """What long work reports to."""

    def say(self, text: str) -> None:
        """One line that stays."""
        ...

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """A task of ``total`` steps; 0: not known yet."""
        ...


class Quiet:
    """No progress at all: for scripts and tests."""

    def say(self, text: str) -> None:
        pass

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        yield unwatched


class Lines:
    """A plain log for files and pipes: a line at the start, every ten seconds, and at the end."""

    every_s = 10.0
    settles_s = 1.0
    """After the first step; the time left is told from what is done later."""

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """Lines such as ``epoch 3/10: 640/1496 loss 0.41, 12 s left``."""
        started = last = time.monotonic()
        last_note, reached = "", 0
        first: float | None = None
        began: tuple[float, int] | None = None

        def advance(done: int, note: str = "", total: int | None = total or None) -> None:
            nonlocal last, last_note, reached, first, began
            last_note, reached = note, done
            now = time.monotonic()
            first = first or now
            # The first step may compile for a minute, and what an earlier run has left is there at once.
            if began is None or now - first < self.settles_s:
                began = now, done
            elif now - last >= self.every_s and total is not None and max(total / 20, began[1]) < done < total:
                left_s = (now - began[0]) / (done - began[1]) * (total - done)
                self.say(f"  {label}: {done}/{total} {note}, {left_s:.0f} s left")
                last = now

        yield advance
        self.say(f"  {label}: {reached} done {last_note}".rstrip() + f", {time.monotonic() - started:.1f} s")


class Bars(Lines):
    """Bars with the time left, for a terminal."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """A bar that leaves one line behind."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=Console(stderr=True)) as bars:
            row = bars.add_task(label, total=total or None, note="")
            yield lambda done, note="", total=None: bars.update(row, completed=done, note=note, total=total)


def console() -> Progress:
    """Bars on a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()
