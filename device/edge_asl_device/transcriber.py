"""From a stream of predictions to text. Pure: time comes in with every prediction, no clock is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import Decoder

NOTHING = "nothing"
SPACE = "space"
DELETE = "del"

# Weight of the past in the running mean of probabilities per 1/30 s: flicker of one or two frames never leads.
SMOOTHING_PER_S = 12.0


class State(NamedTuple):
    """What a screen shows after one prediction."""

    leading: str | None
    """The label in front, if it is a sign and probable enough."""
    probability: float
    """Its smoothed probability, 0 to 1."""
    held: float
    """How much of the holding time has passed, 0 to 1."""
    accepted: str | None
    """The label that this very prediction turned into text."""
    text: str
    """All text so far."""


class Transcriber:
    """Letters that are held become text, each once; the same letter again needs a release in between."""

    def __init__(self, labels: tuple[str, ...], decoder: Decoder) -> None:
        self._labels = labels
        self._decoder = decoder
        self._smoothed = np.zeros(len(labels), np.float32)
        self._time_s: float | None = None
        self._leading: str | None = None
        self._since_s = 0.0
        self._taken: str | None = None
        self._released_since_s: float | None = None
        self._idle_since_s: float | None = None
        self.text = ""

    def feed(self, time_s: float, probabilities: NDArray[np.float32]) -> State:
        """Take in one prediction: monotonic seconds and float32 (classes,), 0 to 1."""
        self._smooth(time_s, probabilities)
        best = int(self._smoothed.argmax())
        probability = float(self._smoothed[best])
        leading = self._labels[best] if probability >= self._decoder.accept_probability else None
        if leading != self._leading:
            self._leading, self._since_s = leading, time_s
        self._release(time_s)
        self._end_word(time_s)
        sign = leading if leading != NOTHING else None
        held_s = time_s - self._since_s
        accepted = None
        if sign and sign != self._taken and held_s >= self._decoder.hold_s:
            accepted = self._taken = sign
            self._released_since_s = None
            self.text = written(self.text, sign)
        share = 1.0 if self._decoder.hold_s == 0 else min(1.0, held_s / self._decoder.hold_s)
        return State(sign, probability, share if sign else 0.0, accepted, self.text)

    def _smooth(self, time_s: float, probabilities: NDArray[np.float32]) -> None:
        """Exponential mean by time, not by frame, so that 10 and 30 frames a second read alike."""
        elapsed_s = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        past = np.float32(np.exp(-elapsed_s * SMOOTHING_PER_S)) if self._time_s is not None else np.float32(0)
        self._smoothed = past * self._smoothed + (1 - past) * probabilities
        self._time_s = time_s

    def _release(self, time_s: float) -> None:
        """A taken letter is let go when it stays below the release threshold long enough."""
        if self._taken is None:
            return
        if self._smoothed[self._labels.index(self._taken)] >= self._decoder.release_probability:
            self._released_since_s = None
        elif self._released_since_s is None:
            self._released_since_s = time_s
        if self._released_since_s is not None and time_s - self._released_since_s >= self._decoder.release_s:
            self._taken = self._released_since_s = None

    def _end_word(self, time_s: float) -> None:
        """A pause without any sign ends the word with one space."""
        if self._leading not in (None, NOTHING):
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = time_s
        elif time_s - self._idle_since_s >= self._decoder.word_pause_s:
            self.text = written(self.text, SPACE)


def written(text: str, label: str) -> str:
    """The text after a sign: ``space`` ends a word once, ``del`` takes the last character, others append."""
    special: Mapping[str, str] = {
        SPACE: text + " " if text and not text.endswith(" ") else text,
        DELETE: text[:-1],
        NOTHING: text,
    }
    return special.get(label, text + label)
