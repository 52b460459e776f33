"""McNemar's exact test against the binomial distribution written out, and the Pareto front on points made by hand."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asl.evaluation.paired import mcnemar, paired
from edge_asl.evaluation.pareto import pareto_front

COUNTS = st.integers(0, 60)


def written_out(only_first: int, only_this: int) -> Fraction:
    """Twice the smaller tail of a fair coin, at most 1, in whole numbers."""
    thrown = only_first + only_this
    tail = sum(comb(thrown, heads) for heads in range(min(only_first, only_this) + 1))
    return min(Fraction(1), Fraction(2 * tail, 2**thrown))


@given(COUNTS, COUNTS)
def test_the_p_value_is_the_binomial_distributions(only_first: int, only_this: int) -> None:
    assert mcnemar(only_first, only_this) == pytest.approx(float(written_out(only_first, only_this)), rel=1e-9)


@pytest.mark.parametrize(
    ("only_first", "only_this", "p_value"),
    [
        (1, 7, 0.0703),  # M. Fagerland, S. Lydersen, P. Laake, BMC Medical Research Methodology 13:91 (2013), table 1
        (6, 16, 0.0525),  # another example of theirs
        (10, 2, 0.0386),  # (1 + 12 + 66) / 2048
        (0, 5, 0.0625),
        (0, 6, 0.03125),
        (7, 7, 1.0),
        (0, 0, 1.0),
    ],
)
def test_known_p_values(only_first: int, only_this: int, p_value: float) -> None:
    assert mcnemar(only_first, only_this) == pytest.approx(p_value, abs=5e-5)
    assert mcnemar(only_this, only_first) == mcnemar(only_first, only_this)


def test_where_only_one_is_right_counts() -> None:
    first = np.array([True, True, True, False, False, True])
    this = np.array([True, False, False, True, False, False])
    found = paired(first, this, ["ann", "ann", "ann", "bob", "bob", "bob"])
    assert (found.only_first, found.only_this) == (3, 1)
    assert found.p_value == mcnemar(3, 1) == 0.625
    assert found.difference == pytest.approx(-2 / 6)
    over = found.difference_people
    assert over is not None
    assert (over.low, over.high) == pytest.approx((-2 / 3, 0.0)), "all draws are ann twice, bob twice, or both"
    assert paired(first, this, [None] * 6).difference_people is None


def test_a_model_beside_itself_differs_in_nothing() -> None:
    right = np.random.default_rng(1).random(50) < 0.7
    found = paired(right, right, [f"p{i % 3}" for i in range(50)])
    assert (found.only_first, found.only_this, found.p_value, found.difference) == (0, 0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 0.9)], [True]),
        ([(1, 0.8), (2, 0.9), (3, 0.85)], [True, True, False]),
        ([(2, 0.9), (1, 0.9)], [False, True]),
        ([(1, 0.9), (1, 0.8)], [True, False]),
        ([(1, 0.9), (1, 0.9), (2, 0.9)], [True, True, False]),
        ([(5, 0.5), (4, 0.6), (3, 0.7), (2, 0.8), (1, 0.9)], [False, False, False, False, True]),
        ([(1, 0.1), (2, 0.2), (3, 0.3)], [True, True, True]),
    ],
)
def test_the_front(points: list[tuple[float, float]], front: list[bool]) -> None:
    assert pareto_front(points) == front


def test_times_as_near_as_two_runs_count_as_equal() -> None:
    assert pareto_front([(10.0, 0.9), (10.2, 0.9)], noise=0.03) == [True, True]
    assert pareto_front([(10.0, 0.9), (10.4, 0.9)], noise=0.03) == [True, False]
    assert pareto_front([(10.0, 0.8), (10.2, 0.9)], noise=0.03) == [False, True], "as quick, and more accurate"


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=12), st.sampled_from([0, 0.1]))
def test_whoever_is_not_on_the_front_is_beaten_by_somebody_on_it(points: list[tuple[int, int]], noise: float) -> None:
    front = pareto_front(points, noise)
    assert any(front)
    for (cost, gain), on_front in zip(points, front, strict=True):
        cheaper_or_better = any(
            good and other_cost <= cost * (1 + noise) ** len(points) and other_gain >= gain
            for (other_cost, other_gain), good in zip(points, front, strict=True)
        )
        assert on_front or cheaper_or_better
