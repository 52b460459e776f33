"""Which of several models nothing beats: the Pareto front of cost and accuracy."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]], noise: float = 0.0) -> list[bool]:
    """Whether each (cost, gain) is on the front: no other costs no more and gains no less, and one of both better.

    Of equal points, all are on it or none is. Costs that differ by a share of less than ``noise`` count as equal.
    """

    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        (cost, gain), (other_cost, other_gain) = one, other
        if cost > other_cost * (1 + noise) or gain < other_gain:
            return False
        return gain > other_gain or cost * (1 + noise) < other_cost

    return [not any(beats(other, point) for other in points) for point in points]
