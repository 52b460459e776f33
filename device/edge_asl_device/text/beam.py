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

from edge_asl_device.text.buffer import Doubts

WIDTH = 150
LIKELY = 1.0
"""A known confusion, or a doubled letter read once or a single one twice."""
UNLIKELY = 2.5
"""Any other letter wrong, missing or too much."""
UNREAD = 0.5
"""A letter missing where one was shown that was surely this: most of what is shown in passing is none."""


def substitution(read: str, doubts: Doubts, likely: str) -> Callable[[str], float]:
    """What it costs that another letter was signed than the one that was read.

    Args:
        read: the letter.
        doubts: what else it may have been, and what was shown before it: if that wavered between both, either may have
            been meant.
        likely: letters that are often read as this one.
    """
    top = max(doubts.instead.get(read, 0.0), 1e-6)

    def cost(signed: str) -> float:
        most = LIKELY if signed in likely else UNLIKELY
        if (seen := doubts.instead.get(signed, 0.0)) > 0:
            most = min(most, max(0.0, math.log10(top / seen)))
        wavered = 2 * min(doubts.unread.get(signed, 0.0), doubts.unread.get(read, 0.0))
        return min(most, UNREAD - math.log10(wavered)) if wavered > 0 else most

    return cost


def insertion(unread: Mapping[str, float]) -> Callable[[str], float]:
    """What it costs that a letter was signed where none was read, but this was shown: letter → probability."""

    def cost(signed: str) -> float:
        seen = unread.get(signed, 0.0)
        return min(UNLIKELY, UNREAD - math.log10(seen)) if seen > 0 else UNLIKELY

    return cost


def meant(
    words: Sequence[str], read: str, doubts: Sequence[Doubts], likely: Mapping[str, str], farthest: float
) -> dict[str, float]:
    """Words and the costs of their having been read as ``read``, up to ``farthest``.

    Args:
        words: sorted, upper case.
        read: upper case letters.
        doubts: of each of them, then of what followed.
        likely: by letter, those that are often read as it.
        farthest: powers of ten.
    """
    costs: dict[str, float] = {"": 0.0}
    before = ""
    *of_letters, of_end = doubts
    for letter, doubt in zip(read, of_letters, strict=True):
        costs = _cheapest(_with_missing(words, costs, insertion(doubt.unread), farthest))
        cost = substitution(letter, doubt, likely.get(letter, ""))
        twice = LIKELY if before == letter else UNLIKELY
        after: dict[str, float] = {}
        for start, so_far in costs.items():
            _keep(after, start, so_far + twice, farthest)
            for signed in _next(words, start):
                _keep(after, start + signed, so_far + (0.0 if signed == letter else cost(signed)), farthest)
        costs = _cheapest(after)
        before = letter
    costs = _with_missing(words, costs, insertion(of_end.unread), farthest)
    return {word: cost for word, cost in costs.items() if _holds(words, word)}


def _with_missing(
    words: Sequence[str], costs: dict[str, float], cost: Callable[[str], float], farthest: float
) -> dict[str, float]:
    """Also what follows if one letter was not read: the same once more, or any other."""
    more = dict(costs)
    for start, so_far in costs.items():
        for signed in _next(words, start) if so_far < farthest else ():
            once_more = LIKELY if start[-1:] == signed else UNLIKELY
            _keep(more, start + signed, so_far + min(once_more, cost(signed)), farthest)
    return more


def _cheapest(costs: dict[str, float]) -> dict[str, float]:
    return dict(heapq.nsmallest(WIDTH, costs.items(), key=lambda item: item[1]))


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
