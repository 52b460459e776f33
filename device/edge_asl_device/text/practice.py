"""Practising: a word is shown, and the visitor spells it sign by sign. Pure: time comes with every call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from edge_asl_device.text.buffer import DELETE, NOTHING, SPACE
from edge_asl_device.text.held_letters import READ_AS

STRUGGLES_S = 10.0
"""How long a hand tries one sign before the page offers to skip it."""
WRONG_S = 2.5
"""How long the page says what a sign was taken for."""
DONE_S = 7.0
"""How long a finished word stays before the next one comes by itself, for whoever has no screen to touch."""
HELD = 0.5
"""Share of the holding time from which a wrong sign is meant, not passed through."""
WORDS_A_LEVEL = 2
LONGEST = 12
FEWEST = 3
"""Words that a bundle can spell; with fewer, its signs are practised one by one."""


class Words(NamedTuple):
    """What is practised, easy things first."""

    levels: tuple[tuple[tuple[str, ...], ...], ...]
    """Of each level its words, each as signs."""


@cache
def load_words(language: str) -> tuple[tuple[str, ...], ...]:
    """The words of ``practice.LANGUAGE.txt``, a level a line: names, short words, longer words; English if there is no
    such file.
    """
    path = Path(__file__).with_name(f"practice.{language}.txt")
    lines = (path if path.is_file() else path.with_name("practice.en.txt")).read_text(encoding="ascii").splitlines()
    return tuple(tuple(line.split()) for line in lines if line and not line.startswith("#"))


def words_for(labels: Sequence[str], levels: Sequence[Sequence[str]]) -> Words:
    """Those words that a model with these labels can read; its signs one by one if these are too few."""
    known = set(labels)
    known_words = [tuple(tuple(word) for word in words if known.issuperset(word)) for words in levels]
    enough = [words for words in known_words if len(words) >= FEWEST]
    alone = tuple((label,) for label in labels if label not in (NOTHING, SPACE, DELETE))
    return Words(tuple(enough) or (alone,))


def spelled(word: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The signs of a word that a visitor has typed or tapped.

    Raises:
        ValueError: empty, too long, or with a sign that a model with these labels cannot read.
    """
    signs = (word,) if word in labels else tuple(word.upper())
    if not 0 < len(signs) <= LONGEST or not set(labels).difference((NOTHING, SPACE, DELETE)).issuperset(signs):
        raise ValueError(f"word: expected 1 to {LONGEST} signs that are read here, found {word!r}")
    return signs


class Exercise(Struct, frozen=True):
    """A word that is being spelled, as a page shows it."""

    signs: tuple[str, ...]
    """To be spelled."""
    at: int
    """Which of them is next; their number: all done."""
    skipped: tuple[int, ...]
    from_memory: bool
    """Whether the pictures of the signs are hidden."""
    taken_for: str | None
    """What a wrong sign looked like, for a moment."""
    once_more: bool
    """The same sign is next again, and the hand still shows it."""
    may_skip: bool
    words: int
    """Finished in this visit."""


class Practice:
    """One visitor's practice.

    Args:
        words: what can be practised.
        seed: decides their order, so that the next visitor begins with another one.
    """

    def __init__(self, words: Words, seed: int) -> None:
        self._seed = seed
        self._spelled: list[tuple[str, ...]] = []
        self._remembered = 0
        self.skips = 0
        """Signs, in all."""
        self._skipped: tuple[int, ...] = ()
        self._shown: str | None = None
        """The last right sign, until it is let go."""
        self._taken: str | None = None
        self._time_s: float | None = None
        self._shuffle(words)
        self.next_word()

    @property
    def finished(self) -> int:
        """Words, without those of which a sign was skipped."""
        return len(self._spelled)

    def use_words(self, words: Words) -> None:
        """Go on with these, in another language say; at once while nothing of a given word has been spelled."""
        self._shuffle(words)
        if self._given_word and self._at == 0:
            self.next_word()

    def _shuffle(self, words: Words) -> None:
        rng = np.random.default_rng(self._seed)
        self._levels = [[words[at] for at in rng.permutation(len(words))] for words in words.levels]
        self._given = [0] * len(self._levels)

    def next_word(self) -> None:
        """Show another word: harder ones once enough were spelled, then these from memory, then more hard ones."""
        enough = max(FEWEST, WORDS_A_LEVEL * len(self._levels))
        if enough <= self.finished < 2 * enough:
            self._begin(self._spelled[self._remembered % enough], from_memory=True)
            self._remembered += 1
        else:
            level = min(self.finished // WORDS_A_LEVEL, len(self._levels) - 1)
            words = self._levels[level]
            self._begin(words[self._given[level] % len(words)])
            self._given[level] += 1
        self._given_word = True

    def own_word(self, signs: tuple[str, ...]) -> None:
        """Show a word of the visitor's own; see ``spelled``."""
        self._begin(signs)
        self._given_word = False

    def again(self) -> None:
        """Show the same word once more, without pictures."""
        self._begin(self._signs, from_memory=True)

    def skip(self) -> None:
        """Leave out the sign that is next."""
        if self.next is not None:
            self._skipped = (*self._skipped, self._at)
            self.skips += 1
            self._advance(None)

    def _begin(self, signs: tuple[str, ...], *, from_memory: bool = False) -> None:
        self._signs, self._from_memory = signs, from_memory
        self._at = 0
        self._skipped = ()
        self._tried_s = 0.0
        self._done_s: float | None = None
        self._wrong: tuple[str, float] | None = None

    @property
    def next(self) -> str | None:
        """The sign that is next; None: the word is done."""
        return self._signs[self._at] if self._at < len(self._signs) else None

    @property
    def word(self) -> str:
        """What is practised, as text."""
        return "".join(self._signs)

    def seen(
        self, time_s: float, leading: str | None, held: float, accepted: str | None, taken: str | None, *, hand: bool
    ) -> bool:
        """Take in what was read of one frame.

        Args:
            time_s: of the frame.
            leading: the sign in front, if any.
            held: share of the holding time, 0 to 1.
            accepted: the sign that was just read.
            taken: the sign that was read and must be let go before it counts again.
            hand: whether there is one.

        Returns:
            Whether the word was finished with this very frame.
        """
        elapsed_s = min(1.0, max(0.0, time_s - self._time_s)) if self._time_s is not None else 0.0
        self._time_s, self._taken = time_s, taken
        if self.next is None:
            self._done_s = time_s if self._done_s is None else self._done_s
            if time_s - self._done_s >= DONE_S:
                self.next_word()
            return False
        self._tried_s += elapsed_s if hand else 0.0
        if taken != self._shown:
            self._shown = None
        if accepted == self.next:
            return self._advance(accepted)
        self._judge(time_s, leading, held, accepted)
        return False

    def _advance(self, shown: str | None) -> bool:
        self._at += 1
        self._shown, self._tried_s, self._wrong = shown, 0.0, None
        if self.next is None and not self._skipped:
            self._spelled.append(self._signs)
        return self.next is None

    def _judge(self, time_s: float, leading: str | None, held: float, accepted: str | None) -> None:
        """Whether a wrong sign is shown; the last right one is not, until it is let go."""
        meant = accepted or (leading if held >= HELD and leading != self._shown else None)
        if meant is not None and meant not in (self.next, NOTHING, SPACE, DELETE, *READ_AS.get(self.next or "", ())):
            self._wrong = meant, time_s
        elif leading == self.next or (self._wrong and time_s - self._wrong[1] > WRONG_S):
            self._wrong = None

    def view(self) -> Exercise:
        """What a page shows now."""
        return Exercise(
            self._signs,
            self._at,
            self._skipped,
            self._from_memory,
            self._wrong[0] if self._wrong else None,
            once_more=self.next is not None and self.next == self._taken,
            may_skip=self._tried_s >= STRUGGLES_S and self.next is not None,
            words=self.finished,
        )
