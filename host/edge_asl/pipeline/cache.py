"""Skipping a build's steps whose inputs have not changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_asl.progress import Progress
from edge_asl_device.files import write_atomically


class StepCache:
    """The record of a build's steps, in ``steps.json`` of its working folder."""

    def __init__(self, work: Path, progress: Progress) -> None:
        self._path = work / "steps.json"
        self._progress = progress
        self._done = _read(self._path)

    def unchanged(self, name: str, digest: str, outputs: Sequence[Path]) -> bool:
        """Whether this step already made ``outputs`` from inputs of this ``digest``."""
        return self._done.get(name) == [digest, *map(_stamp, outputs)]

    def later(self, name: str, than: str) -> bool:
        """Whether step ``name`` was done once more after step ``than``, by the times in the record."""
        latest = [max((_when(stamp) for stamp in self._done.get(step, [])[1:]), default=0) for step in (name, than)]
        return latest[0] > latest[1] > 0

    def run(
        self,
        name: str,
        digest: str,
        outputs: Sequence[Path],
        make: Callable[[], None],
        present: Sequence[Path] = (),
    ) -> bool:
        """Call ``make`` unless this step already made ``outputs`` from inputs of this ``digest``; True if it ran.

        Files in ``present`` must exist but may have been changed since. A step that fails leaves no record, so the
        next build repeats it.
        """
        if self.unchanged(name, digest, outputs) and all(path.exists() for path in present):
            self._progress.say(f"{name}: unchanged")
            return False
        self._progress.say(f"{name}:")
        make()
        self._done[name] = [digest, *map(_stamp, outputs)]
        write_atomically(self._path, json.dumps(self._done, indent=1))
        return True


def _stamp(path: Path) -> str:
    """Size and time of change."""
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size}:{found.st_mtime_ns}"


def _when(stamp: str) -> int:
    """Nanoseconds; 0 of a file that is missing."""
    time = stamp.partition(":")[2]
    return int(time) if time.isdecimal() else 0


def _read(path: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no record: every step runs
    return found if isinstance(found, dict) else {}
