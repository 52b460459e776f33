"""The text that signs are written into, one after the other, and the edits that a visitor may make."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

NOTHING = "nothing"
SPACE = "space"
DELETE = "del"

# A screen shows a few hundred characters; a program that runs for weeks must not collect more and more.
LONGEST = 2000
# As far back as undo goes: 50 texts of at most 2000 characters are 100 kB.
STEPS_BACK = 50


class TextBuffer:
    """A text with the operations of a page: write, undo, clear, replace the unfinished word."""

    def __init__(self) -> None:
        self.text = ""
        self._before: deque[str] = deque(maxlen=STEPS_BACK)

    @property
    def word(self) -> str:
        """The unfinished word: everything after the last space."""
        return self.text.rpartition(" ")[2]

    def write(self, label: str) -> None:
        """Write a sign: see ``written``."""
        self._become(written(self.text, label))

    def end_word(self) -> None:
        """Add the space of a pause. It is not a step of its own: undo removes the sign before it as well."""
        self.text = written(self.text, SPACE)

    def replace_word(self, word: str) -> None:
        """Replace the unfinished word with ``word`` and a space."""
        self._become(f"{self.text[: len(self.text) - len(self.word)]}{word} ")

    def clear(self) -> None:
        """Empty the text for good: whoever comes next must not be able to bring it back."""
        self.text = ""
        self._before.clear()

    @property
    def undoable(self) -> bool:
        """Whether there is anything that ``undo`` would take back."""
        return bool(self._before)

    def undo(self) -> None:
        """Undo the last sign or replacement, if there is one."""
        if self._before:
            self.text = self._before.pop()

    def _become(self, text: str) -> None:
        if text != self.text:
            self._before.append(self.text)
            self.text = text[-LONGEST:]


def written(text: str, label: str) -> str:
    """The text after a sign: ``space`` ends a word once, ``del`` takes the last character, others append."""
    special: Mapping[str, str] = {
        SPACE: text + " " if text and not text.endswith(" ") else text,
        DELETE: text[:-1],
        NOTHING: text,
    }
    return special.get(label, text + label)
