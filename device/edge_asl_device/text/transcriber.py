"""From a stream of predictions to text. Pure: time comes with every prediction, and no clock is read."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.text.buffer import DELETE, NOTHING, SPACE, Doubts, TextBuffer
from edge_asl_device.text.double_letters import DoubleLetter
from edge_asl_device.text.held_letters import Folding, LastWritten
from edge_asl_device.text.movement import UNTRACKED, Motion

# How fast the running mean of probabilities forgets: at 30 frames a second a frame counts half, the one before a
# quarter.
SMOOTHING_PER_S = 20.0
# Frames further apart than this are not one stream: a letter held before a stall does not count as held during it.
GAP_S = 1.0
# An unsure model is as likely to see a hand forming a letter as an unfamiliar empty room: such time counts half towards
# the pause that ends a word.
UNSURE_PAUSE = 0.5

PATIENCE = 3.0
"""A letter of a followed hand may be so many times as doubtful as the decoder accepts if it is held so many times as
long: a visitor whose hand is not like the others' would else wait for ever."""
LEAST = 0.8
"""… but not less probable than this. With ``models/letters`` one answer in fourteen about people left out lies between
this and 0.95, where it is sure, and three in four of these are right (``thresholds`` in its metrics.json)."""
WAVERS = 0.1
"""Once it is in front, it may be so much less probable."""

DOUBT = 0.003
"""Less probable labels are not worth remembering."""
REMEMBERED_S = 3.0
"""What was shown and not read says something about the next letter for so long, not for as long as nobody signs."""


class State(NamedTuple):
    """What a screen shows after one prediction."""

    leading: str | None
    """The label in front, if it is a sign and probable enough."""
    probability: float
    """Its smoothed probability, 0 to 1."""
    held: float
    """How much of the holding time has passed, 0 to 1; of what is written already, all of it."""
    accepted: str | None
    """The label that this very prediction turned into text."""
    text: str
    """All text so far."""
    word: str = ""
    """The unfinished word at its end."""
    taken: str | None = None
    """The label that is written and must be let go, or slide aside, before it counts again."""
    hand: bool = True
    """False while the model sees nothing that signs."""
    best: str = ""
    """The most probable label of all, however probable it is."""
    replaced: str = ""
    """What ``accepted`` stands instead of: the I that was read while the hand was held, before it drew a J."""


class Transcriber:
    """Letters that are held become text, each once; the same letter again needs a release in between.

    A release is: its probability drops for ``release_s`` (another shape, an open hand, the hand gone), or the hand
    slides aside by a good part of its width and stops, as a doubled letter is signed.

    Args:
        labels: in the order of the probabilities; ``space``, ``del`` and ``nothing`` have their meaning.
        decoder: thresholds and times, from the bundle's manifest.
        before: whose text to continue, when another model takes over.
    """

    def __init__(self, labels: tuple[str, ...], decoder: Decoder, before: Transcriber | None = None) -> None:
        self._labels = labels
        self._decoder = decoder
        self.buffer: TextBuffer = before.buffer if before else TextBuffer()
        self._double_letter: DoubleLetter = before._double_letter if before else DoubleLetter()
        self._folding = Folding(labels)
        self._last_written = LastWritten(self.buffer)
        self._taken: str | None = None
        self.reset()
        # A letter held while the model changes has been written: it must be let go like any other.
        if before is not None and before._taken in labels:
            self._taken = before._taken

    def reset(self) -> None:
        """Forget what was seen (the camera was away, another model takes over); the text stays."""
        self._time_s: float | None = None
        self._smoothed = np.zeros(len(self._labels), np.float32)
        self._leading: str | None = None
        self._sure = False
        self._held_s = 0.0
        self._taken = None
        self._released_s = 0.0
        self._low = False
        self._pause_s = 0.0
        self._word_ended = False
        self._passed = np.zeros_like(self._smoothed)
        self._shown = np.zeros_like(self._smoothed)

    def use(self, decoder: Decoder) -> None:
        """Other thresholds and times from now on."""
        self._decoder = decoder

    def write_into(self, buffer: TextBuffer) -> None:
        """Write into another text from now on."""
        self.buffer = buffer
        self._last_written = LastWritten(buffer)

    @property
    def text(self) -> str:
        """All text so far, raw: exactly the signs that were accepted."""
        return self.buffer.text

    @property
    def word(self) -> str:
        """The unfinished word at the end of the text."""
        return self.buffer.word

    def feed(
        self, time_s: float, probabilities: NDArray[np.float32], sideways: float = 0.0, motion: Motion = UNTRACKED
    ) -> State:
        """Take in one prediction.

        Args:
            time_s: monotonic seconds. After more than ``GAP_S`` without a frame, holding starts again.
            probabilities: float32 (classes,), 0 to 1.
            sideways: how far the hand has travelled sideways since any fixed moment, in shares of the square's side
                (``HandMotion``); 0 where nobody measures it.
            motion: what the hand's landmarks say (``Movement``), where there are any: then letters are read only while
                it is still, and J and Z only from their movement.
        """
        elapsed_s = self._elapsed(time_s)
        if motion.tracked:
            probabilities = self._folding.held(probabilities)
        self._smooth(elapsed_s, probabilities)
        self._lead(elapsed_s, self._labels[int(probabilities.argmax())], float(probabilities.max()), motion)
        self._last_written.led(self._leading, time_s)
        self._release(elapsed_s, sideways, motion)
        self._end_word(elapsed_s)
        replaced = ""
        if motion.drawn is not None and motion.drawn.letter in self._labels:
            accepted: str | None = motion.drawn.letter
            replaced = self._last_written.taken_back(motion.drawn)
            self._write(motion.drawn.letter, time_s, sideways)
        else:
            accepted = self._accept(time_s, sideways)
        best = int(self._smoothed.argmax())
        sign = self._leading if self._leading != NOTHING else None
        hold_s = self._decoder.hold_s
        held = min(1.0, self._held_s / hold_s) if hold_s > 0 and sign != self._taken else 1.0
        probability = float(self._smoothed[self._labels.index(sign) if sign else best])
        return State(
            sign,
            probability,
            held if sign else 0.0,
            accepted,
            self.text,
            self.word,
            self._taken,
            self._labels[best] != NOTHING,
            self._labels[best],
            replaced,
        )

    def _elapsed(self, time_s: float) -> float:
        """Seconds since the last prediction; 0 for the first, after a gap and when the clock goes back."""
        elapsed_s = 0.0 if self._time_s is None else time_s - self._time_s
        if elapsed_s > GAP_S:
            taken = self._taken
            self.reset()
            # Whether the hand let go was not seen: a letter held through a stall is not written twice.
            self._taken = taken
            elapsed_s = 0.0
        self._time_s = time_s
        return max(0.0, elapsed_s)

    def _smooth(self, elapsed_s: float, probabilities: NDArray[np.float32]) -> None:
        """Exponential mean by time, not by frame, so that 10 and 30 frames a second read alike."""
        past = math.exp(-elapsed_s * SMOOTHING_PER_S) if self._smoothed.any() else 0.0
        self._smoothed = np.float32(past) * self._smoothed + np.float32(1 - past) * probabilities

    def _lead(self, elapsed_s: float, seen: str, probability: float, motion: Motion) -> None:
        """A label takes the lead at the accepting threshold and keeps it down to the releasing one, unless a single
        prediction clearly showed another, or the hand moves.
        """
        best = int(self._smoothed.argmax())
        front, accept = self._labels[best], self._decoder.accept_probability
        was_sure = front == self._leading and self._sure
        sure = self._smoothed[best] >= (self._decoder.release_probability if was_sure else accept)
        lowest = max(LEAST, 1 - PATIENCE * (1 - accept)) - (WAVERS if front == self._leading else 0)
        unsure = motion.tracked and front not in (NOTHING, SPACE, DELETE) and self._smoothed[best] >= lowest
        broken = seen != front and probability >= accept
        leading = front if (sure or unsure) and not broken and motion.still else None
        if motion.spent:
            leading = self._taken
        self._watch(elapsed_s, leading)
        counts_s = elapsed_s if sure else elapsed_s / PATIENCE
        self._held_s = self._held_s + counts_s if leading == self._leading else 0.0
        self._leading, self._sure = leading, leading is not None and bool(sure)

    def _watch(self, elapsed_s: float, leading: str | None) -> None:
        """Sum up, in seconds, what is shown and not written: before and since the label in front took the lead."""
        remembered = np.float32(math.exp(-elapsed_s / REMEMBERED_S))
        self._passed *= remembered
        self._shown *= remembered
        if leading != self._leading:
            self._passed += self._shown
            self._shown[:] = 0
        if leading is None or leading not in (NOTHING, self._taken):
            self._shown += np.float32(elapsed_s) * self._smoothed

    def _unread(self, seconds: NDArray[np.float32]) -> dict[str, float]:
        """The mean probabilities of what was shown for so many seconds, if that may have been a letter; then forget."""
        together = float(seconds.sum())
        mean = seconds / max(together, 1e-6)
        self._passed[:] = self._shown[:] = 0
        return self._probable(mean) if together >= self._decoder.hold_s / 2 else {}

    def _probable(self, probabilities: NDArray[np.float32]) -> dict[str, float]:
        return {self._labels[at].upper(): float(probabilities[at]) for at in np.flatnonzero(probabilities >= DOUBT)}

    def _release(self, elapsed_s: float, sideways: float, motion: Motion) -> None:
        """A taken letter is let go when it stays below the release threshold long enough, or is doubled; a drawn one
        when the hand shows something else.
        """
        if self._taken is None or motion.spent:
            return
        low = self._smoothed[self._labels.index(self._taken)] < self._decoder.release_probability
        if motion.tracked and motion.still and not self._sure:
            # A hand that is held lets go of nothing, however unsure the model becomes of it.
            low = np.False_
        # Time counts from the first low moment on: at 10 frames a second a single misread one is no release.
        self._released_s = self._released_s + elapsed_s if low and self._low else 0.0
        self._low = bool(low)
        if low and self._released_s >= self._decoder.release_s:
            self._taken = None
        elif (motion.repeated or self._double_letter.ended(elapsed_s, sideways)) and self._leading == self._taken:
            self._taken = None
            self._held_s = 0.0

    def _end_word(self, elapsed_s: float) -> None:
        """A pause without any sign ends the word with one space."""
        if self._leading not in (None, NOTHING):
            self._pause_s = 0.0
            self._word_ended = False
            return
        empty = self._leading == NOTHING or NOTHING not in self._labels
        self._pause_s += elapsed_s if empty else elapsed_s * UNSURE_PAUSE
        if not self._word_ended and self._pause_s >= self._decoder.word_pause_s:
            self._word_ended = True
            self.buffer.end_word(Doubts(unread=self._unread(self._passed + self._shown)))

    def _accept(self, time_s: float, sideways: float) -> str | None:
        """Write the leading sign if it was held long enough and is not already written."""
        sign = self._leading
        if sign in (None, NOTHING, self._taken) or self._held_s < self._decoder.hold_s:
            return None
        self._write(sign, time_s, sideways)
        return sign

    def _write(self, sign: str, time_s: float, sideways: float) -> None:
        """Add a sign to the text, once until it is let go."""
        self._taken = sign
        self._low = False
        self._double_letter.start(sideways)
        self.buffer.write(sign, Doubts(self._probable(self._smoothed), self._unread(self._passed)))
        self._last_written.wrote(sign, time_s)
