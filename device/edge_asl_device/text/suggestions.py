"""How an unfinished word may go on, and what a misread one probably was. Offline, from a list of 30,000 words.

The English list is ``words.txt`` (most frequent first; sources and licences in ``words.NOTICE.txt``). No library:
measured in a fresh process, symspellpy takes 29 MB and 0.30 s for these words, wordfreq 43 MB and 0.40 s, RapidFuzz
6 MB and up to 4 ms a word; a dictionary asked for every word one edit away (Peter Norvig, "How to Write a Spelling
Corrector", 2007) takes 4 MB, 0.04 s and 0.3 ms.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase
from types import MappingProxyType
from typing import NamedTuple, Self

from edge_asl_device.text.beam import LIKELY, UNLIKELY, meant
from edge_asl_device.text.buffer import SURE, Doubts

NAMES = "names.txt"

# Signed and read instead, the nine most frequent confusions of a letters model on people it never saw.
CONFUSIONS = (
    ("G", "H"),
    ("K", "V"),
    ("T", "A"),
    ("X", "R"),
    ("N", "Q"),
    ("D", "O"),
    ("P", "H"),
    ("N", "M"),
    ("W", "V"),
)
SIGNED = {read: "".join(s for s, r in CONFUSIONS if r == read) for read in ascii_uppercase}

# Costs are powers of ten, as word frequencies are: a word of rank 1000 without an edit weighs as much as one of
# rank 100 with a confused letter.

FINISHED = 8000
"""Words up to this rank may be what was meant in full; HEL and TION, further down the list, hardly are."""

# Longer than any word of the list; keeps the time of a query bounded.
LONGEST = 20
# Shorter words have too many neighbours to be corrected unasked; four letters are often a name.
SHORTEST_MISREAD = 3
SHORTEST_GARBLED = 5
FARTHEST = 5.3
"""A correction that costs more than this, rarity of the word included, is not made unasked …"""
AHEAD = 0.6
"""… nor one that is not four times as probable as the next."""

_Kept = tuple[tuple[tuple[str, float], ...], tuple[tuple[str, float], ...]]
"""``Doubts`` that a cache can tell apart."""


class Guess(NamedTuple):
    """A word of the list and how far it is from what was read."""

    cost: float
    """Edits plus rarity, in powers of ten."""
    word: str


class WordList:
    """A frequency list that completes and corrects; upper case in, upper case out.

    Args:
        words: upper case, A to Z, most frequent first.
        names: upper case, A to Z; as rare as the rarest word, and never taken for a misread one.
    """

    def __init__(self, words: Iterable[str], names: Iterable[str] = ()) -> None:
        self._rank = {word: rank for rank, word in enumerate(words, start=1)}
        rarest = len(self._rank) + 1
        for name in names:
            self._rank.setdefault(name, rarest)
        self._sorted = sorted(self._rank)
        # A page asks for the same few finished words after every letter.
        self._right = lru_cache(maxsize=256)(self._put_right)

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a list that is installed beside this module, and the names: 0.04 s, 4 MB."""
        words, names = (Path(__file__).with_name(file).read_text(encoding="ascii").split() for file in (name, NAMES))
        return cls(words, names)

    def __contains__(self, word: str) -> bool:
        return word.upper() in self._rank

    def suggest(self, word: str, count: int = 4) -> tuple[str, ...]:
        """The likeliest words that ``word`` may become: itself, if it is one and may be finished; then those it begins;
        then those it may be a misreading of.

        Args:
            word: what was read since the last space; anything but letters A to Z, or nothing, gets no suggestion.
            count: how many others at most.
        """
        read = word.upper()
        if not _is_word(read) or count < 1:
            return ()
        guesses = [*self._begun(read, count), *self._misread_begun(read), *self._misread(read), *self._garbled(read)]
        itself = (read,) if self._rank.get(read, math.inf) <= FINISHED else ()
        others = [word for word in _cheapest(guesses, count + 1) if word != read][:count]
        return itself + tuple(sorted(others, key=lambda word: not word.startswith(read)))

    def corrected(self, text: str, doubts: Mapping[str, Doubts] = MappingProxyType({})) -> str | None:
        """The text with its misread words put right; None if nothing differs.

        Only words that a space has finished, that are not in the list, and of which one clearly likely reading exists
        are changed; what holds anything but letters A to Z stays.

        Args:
            text: raw.
            doubts: by the text up to and with a letter (``TextBuffer.doubts``).
        """
        *finished, last = text.split(" ")
        right, end = [], 0
        for word in finished:
            places = range(end + 1, end + len(word) + 2) if self._may_be_misread(word) else ()
            kept = tuple(_kept(doubts.get(text[:place], SURE)) for place in places)
            right.append(self._right(word, kept) if kept else word)
            end += len(word) + 1
        together = " ".join([*right, last])
        return None if together == text else together

    def _may_be_misread(self, word: str) -> bool:
        return len(word) >= SHORTEST_MISREAD and _is_word(word) and word not in self._rank

    def _begun(self, start: str, count: int) -> Iterator[Guess]:
        """The most frequent words that begin with ``start``."""
        first = bisect_left(self._sorted, start)
        # "[" comes after "Z".
        end = bisect_left(self._sorted, start + "[", first)
        for word in heapq.nsmallest(count + 1, self._sorted[first:end], key=self._rank.__getitem__):
            yield from self._known(word, 0.0)

    def _misread_begun(self, read: str) -> Iterator[Guess]:
        """Words that go on from one likely edit; of a single letter that would be half the list."""
        if len(read) > 1:
            for once in set(_likely_edits(read)):
                yield from (Guess(guess.cost + LIKELY, guess.word) for guess in self._begun(once, 2))

    def _misread(self, read: str) -> Iterator[Guess]:
        """Words one or two likely edits away, some more than once."""
        for once in set(_likely_edits(read)):
            yield from self._known(once, LIKELY)
            for twice in set(_likely_edits(once)):
                yield from self._known(twice, 2 * LIKELY)

    def _garbled(self, read: str) -> Iterator[Guess]:
        """Words one unlikely edit away."""
        for variant in set(_unlikely_edits(read)):
            yield from self._known(variant, UNLIKELY)

    def _known(self, word: str, edits: float) -> Iterator[Guess]:
        rank = self._rank.get(word)
        if rank is not None:
            yield Guess(edits + math.log10(rank), word)

    def _put_right(self, read: str, kept: tuple[_Kept, ...]) -> str:
        """The one clearly likely reading of a finished word, or the word as it is."""
        most = FARTHEST if len(read) >= SHORTEST_GARBLED else 2 * LIKELY
        doubts = [Doubts(dict(instead), dict(unread)) for instead, unread in kept]
        found = meant(self._sorted, read, doubts, SIGNED, most)
        costs = _cheapest((Guess(cost + math.log10(self._rank[word]), word) for word, cost in found.items()), 2)
        (best, cost), *others = [*costs.items(), (read, math.inf)]
        clearly = cost <= FARTHEST and others[0][1] - cost >= AHEAD
        return best if clearly else read


def _kept(doubts: Doubts) -> _Kept:
    return tuple(doubts.instead.items()), tuple(doubts.unread.items())


def _cheapest(guesses: Iterable[Guess], count: int) -> dict[str, float]:
    """Words and their costs, each word once, cheapest first."""
    costs: dict[str, float] = {}
    for cost, word in sorted(guesses):
        if word not in costs and len(costs) < count:
            costs[word] = cost
    return costs


def _is_word(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isascii() and text.isalpha() and text.isupper()


def _likely_edits(word: str) -> Iterator[str]:
    """Words that the recogniser may have made this of: a confused letter, a doubled letter lost or made."""
    for place, letter in enumerate(word):
        before, after = word[:place], word[place + 1 :]
        for signed in SIGNED[letter]:
            yield before + signed + after
        if after[:1] == letter:
            yield before + after
        else:
            yield before + letter + letter + after


def _unlikely_edits(word: str) -> Iterator[str]:
    splits: Sequence[tuple[str, str]] = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    for before, after in splits:
        for letter in ascii_uppercase:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
