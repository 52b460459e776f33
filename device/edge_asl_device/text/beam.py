"""Which words of a list were meant by letters that were read with doubts: a beam through the list, letter by letter.

A hypothesis is the beginning of a word and what it costs that just this was read. Each letter read lets it go on by the
same letter, by another one, by none (a letter too much), or by two (one that was not read); only the cheapest
hypotheses are followed. Costs are powers of ten, as in ``suggestions``.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

Doubts = Mapping[str, float]
"""Of one letter that was read: label → probability, of those that it may have been; others are improbable."""

WIDTH = 150
LIKELY = 1.0
"""A known confusion, or a doubled letter read once or a single one twice."""
UNLIKELY = 2.5
"""Any other letter wrong, missing or too much."""


def substitution(read: str, doubts: Doubts, likely: str) -> Callable[[str], float]:
    """What it costs that another letter was signed than the one that was read.

    Args:
        read: the letter.
        doubts: what else it may have been.
        likely: letters that are often read as this one.
    """
    top = max(doubts.get(read, 0.0), 1e-6)

    def cost(signed: str) -> float:
        most = LIKELY if signed in likely else UNLIKELY
        seen = doubts.get(signed, 0.0)
        return min(most, max(0.0, math.log10(top / seen))) if seen > 0 else most

    return cost


def meant(
    words: Sequence[str], read: str, doubts: Sequence[Doubts], likely: Mapping[str, str], farthest: float
) -> dict[str, float]:
    """Words and the costs of their having been read as ``read``, up to ``farthest``.

    Args:
        words: sorted, upper case.
        read: upper case letters.
        doubts: of each of them.
        likely: by letter, those that are often read as it.
        farthest: powers of ten.
    """
    costs: dict[str, float] = {"": 0.0}
    for place, letter in enumerate(read):
        cost = substitution(letter, doubts[place], likely.get(letter, ""))
        twice = LIKELY if place and read[place - 1] == letter else UNLIKELY
        after: dict[str, float] = {}
        for start, so_far in costs.items():
            _keep(after, start, so_far + twice, farthest)
            for signed in _next(words, start):
                _keep(after, start + signed, so_far + (0.0 if signed == letter else cost(signed)), farthest)
        _with_missing(words, after, farthest)
        costs = dict(heapq.nsmallest(WIDTH, after.items(), key=lambda item: item[1]))
    return {word: cost for word, cost in costs.items() if _holds(words, word)}


def _with_missing(words: Sequence[str], costs: dict[str, float], farthest: float) -> None:
    """Add what follows if one letter was not read: the same once more, or any other."""
    for start, so_far in list(costs.items()):
        if so_far + LIKELY > farthest:
            continue
        for signed in _next(words, start):
            _keep(costs, start + signed, so_far + (LIKELY if start[-1:] == signed else UNLIKELY), farthest)


def _keep(costs: dict[str, float], start: str, cost: float, farthest: float) -> None:
    if cost <= farthest and cost < costs.get(start, math.inf):
        costs[start] = cost


def _next(words: Sequence[str], start: str) -> list[str]:
    """The letters that go on from a beginning."""
    found: list[str] = []
    at = bisect_left(words, start + "A")
    while at < len(words) and words[at].startswith(start):
        letter = words[at][len(start)]
        found.append(letter)
        at = bisect_left(words, start + chr(ord(letter) + 1), at)
    return found


def _holds(words: Sequence[str], word: str) -> bool:
    at = bisect_left(words, word)
    return at < len(words) and words[at] == word
