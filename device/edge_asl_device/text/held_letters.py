"""What a hand that draws a letter shows while it is held still: I before a J, D or 1 before a Z. Pure, no clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.text.buffer import TextBuffer
from edge_asl_device.text.moving_letters import Drawn

HELD_AS = {"J": ("I",), "Z": ("D", "1")}
"""Drawn letter → the letters of the same shape."""
READ_AS = {"J": ("I", "Y"), "Z": ("D", "1")}
"""… and what that shape is read as: with the thumb a little out, an I is a Y."""
FOLLOWS_S = 1.5
"""How long after it was last read a letter may be the beginning of what is drawn then."""
KEPT = 8


class Folding:
    """Moves what a model thinks of J and Z over to I and to D or 1, while the hand is followed.

    A model trained on pictures of J and Z names single moments of a movement, which a hand held still may show, too.

    Args:
        labels: in the order of the probabilities.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._pairs = [
            (labels.index(drawn), [labels.index(held) for held in all_held if held in labels])
            for drawn, all_held in HELD_AS.items()
            if drawn in labels and any(held in labels for held in all_held)
        ]

    def held(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same float32 (classes,), of a hand that draws nothing."""
        folded = probabilities.copy()
        for drawn, all_held in self._pairs:
            folded[max(all_held, key=probabilities.__getitem__)] += folded[drawn]
            folded[drawn] = 0.0
        return folded


class _Written(NamedTuple):
    label: str
    written_s: float
    led_s: float
    """When it was last in front."""
    text: str
    """All text after it."""


class LastWritten:
    """The letters written last, of which a drawing takes back its own beginning.

    Args:
        buffer: that they were written into.
    """

    def __init__(self, buffer: TextBuffer) -> None:
        self._buffer = buffer
        self._written: list[_Written] = []

    def wrote(self, label: str, time_s: float) -> None:
        """A label was written just now."""
        self._written = [*self._written[-KEPT:], _Written(label, time_s, time_s, self._buffer.text)]

    def led(self, label: str | None, time_s: float) -> None:
        """A label is in front."""
        if self._written and self._written[-1].label == label:
            self._written[-1] = self._written[-1]._replace(led_s=time_s)

    def taken_back(self, drawn: Drawn) -> str:
        """Undo what was read from the hand that began to draw, unless somebody changed the text since.

        Returns:
            The labels that no longer stand in the text, one after the other; empty: none.
        """
        labels = ""
        while self._written and self._buffer.text == self._written[-1].text and self._is_part_of(drawn):
            self._buffer.undo()
            labels = self._written.pop().label + labels
        return labels

    def _is_part_of(self, drawn: Drawn) -> bool:
        last = self._written[-1]
        begins = last.label in READ_AS[drawn.letter] and last.led_s >= drawn.start_s - FOLLOWS_S
        return begins or last.written_s > drawn.start_s
