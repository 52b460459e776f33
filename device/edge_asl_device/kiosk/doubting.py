"""What the page says instead of a letter, once it has lasted. Pure: time comes with every frame."""

from __future__ import annotations

from edge_asl_device.text.transcriber import State
from edge_asl_device.web.messages import Doubt, Reason

SETTLE_S = 0.4
"""How long a doubt lasts before the page says so: forming the next letter takes about as long."""
GUESS_S = 0.8
"""How long a label stays the most probable before it is offered as a guess."""
GUESS_PROBABILITY = 0.35


class Doubting:
    """Follows one visitor's hand from frame to frame."""

    def __init__(self) -> None:
        self._shown: Doubt | None = None
        self._reason: Reason | None = None
        self._reason_s = 0.0
        self._best, self._best_s = "", 0.0

    def look(self, time_s: float, state: State, reason: Reason | None, *, present: bool) -> Doubt | None:
        """The doubt to show with a frame; None where a letter is in front, no hand is seen, or it is too early to say.

        Args:
            time_s: monotonic seconds.
            state: what the transcriber made of the frame.
            reason: what keeps it from being read; None while no hand is seen.
            present: whether a hand is there, or was a moment ago.
        """
        is_guess = reason == "unsure" and state.probability >= GUESS_PROBABILITY
        self._follow_best(time_s, state.best if is_guess else "")
        if state.leading is not None:
            self._shown = self._reason = None
        elif reason is not None:
            self._settle(time_s, reason)
        elif not present:
            self._shown = self._reason = None
        return self._shown

    def _follow_best(self, time_s: float, best: str) -> None:
        if best != self._best:
            self._best, self._best_s = best, time_s

    def _settle(self, time_s: float, reason: Reason) -> None:
        """What is shown changes only to what has lasted: nothing flickers."""
        if reason != self._reason:
            self._reason, self._reason_s = reason, time_s
        if time_s - self._reason_s < SETTLE_S:
            return
        guess = self._best if time_s - self._best_s >= GUESS_S else ""
        self._shown = Doubt(reason, guess or None)
