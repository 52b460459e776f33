"""The text that signs are written into, one after the other, and the edits that a visitor may make."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NOTHING = "nothing"
SPACE = "space"
DELETE = "del"

# A screen shows a few hundred characters; a program that runs for weeks must not collect more and more.
LONGEST = 2000
# As far back as undo goes: 50 texts of at most 2000 characters are 100 kB.
STEPS_BACK = 50


NONE: Mapping[str, float] = MappingProxyType({})


class Doubts(NamedTuple):
    """How sure a letter was."""

    instead: Mapping[str, float] = NONE
    """What else it may have been: label → probability; others are improbable."""
    unread: Mapping[str, float] = NONE
    """What was shown before it, but not held for long or surely enough to be read; empty if nothing was."""


SURE = Doubts()


class TextBuffer:
    """A text with the operations of a page: write, undo, clear, replace the unfinished word."""

    def __init__(self) -> None:
        self.text = ""
        self._before: deque[str] = deque(maxlen=STEPS_BACK)
        self._whole_word: tuple[str, str] | None = None
        self.doubts: dict[str, Doubts] = {}
        """By the text up to and with a letter, or with the space of a pause."""

    @property
    def word(self) -> str:
        """The unfinished word: everything after the last space."""
        return self.text.rpartition(" ")[2]

    def write(self, label: str, doubts: Doubts = SURE) -> None:
        """Write a sign: see ``written``; ``del`` takes a word back whole that was one sign.

        Args:
            label: the sign.
            doubts: how sure it was.
        """
        before = self.text
        if label == DELETE and self._whole_word is not None and self._whole_word[1] == before:
            self._become(self._whole_word[0])
        else:
            self._become(written(before, label))
        self._whole_word = (before, self.text) if is_word(label) else None
        if self.text == before + label or label == SPACE:
            self._doubt(doubts)

    def end_word(self, doubts: Doubts = SURE) -> None:
        """Add the space of a pause. It is not a step of its own: undo removes the sign before it as well."""
        before, self.text = self.text, written(self.text, SPACE)
        if self.text != before:
            self._doubt(doubts)

    def replace_word(self, word: str) -> None:
        """Replace the unfinished word with ``word`` and a space."""
        self._become(f"{self.text[: len(self.text) - len(self.word)]}{word} ")

    def clear(self) -> None:
        """Empty the text for good: whoever comes next must not be able to bring it back."""
        self.text = ""
        self._before.clear()
        self.doubts.clear()

    @property
    def undoable(self) -> bool:
        """Whether there is anything that ``undo`` would take back."""
        return bool(self._before)

    def undo(self) -> None:
        """Undo the last sign or replacement, if there is one."""
        if self._before:
            self.text = self._before.pop()

    def _doubt(self, doubts: Doubts) -> None:
        if len(self.doubts) >= LONGEST:
            self.doubts.clear()
        self.doubts[self.text] = doubts

    def _become(self, text: str) -> None:
        if text != self.text:
            self._before.append(self.text)
            self.text = text[-LONGEST:]


def is_word(label: str) -> bool:
    """Whether a sign is a word of its own rather than a letter."""
    return len(label) > 1 and label not in (SPACE, DELETE, NOTHING)


def written(text: str, label: str) -> str:
    """The text after a sign: ``space`` ends a word once, ``del`` takes the last character, letters append, and a sign
    that is a word stands between spaces.
    """
    apart = text if not text or text.endswith(" ") else text + " "
    special: Mapping[str, str] = {
        SPACE: apart,
        DELETE: text[:-1],
        NOTHING: text,
    }
    return special.get(label, f"{apart}{label} " if is_word(label) else text + label)
