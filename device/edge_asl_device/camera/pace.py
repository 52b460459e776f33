"""When the next picture of something recorded is due."""

from __future__ import annotations

import time


class Pace:
    """Even steps of time: waited for on the monotonic clock, or only counted.

    Args:
        period_s: from one picture to the next.
        paced: wait; else time is counted from 0 and nobody waits.
    """

    def __init__(self, period_s: float, paced: bool) -> None:
        self._period_s, self._paced = period_s, paced
        self._due_s = time.monotonic() if paced else 0.0

    def next(self) -> float:
        """The time of the next picture in seconds, once it has come."""
        now_s = self._due_s
        if self._paced:
            now_s = time.monotonic()
            if now_s < self._due_s:
                time.sleep(self._due_s - now_s)
                now_s = time.monotonic()
            # A reader that could not keep up continues from now: nothing is caught up in a burst.
            self._due_s = max(self._due_s, now_s - self._period_s)
        self._due_s += self._period_s
        return now_s
