"""Figures against pencil and paper, against SciPy, and against properties they must have."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from edge_asl.errors import DataError
from edge_asl.evaluation.intervals import Interval, bootstrap_people, wilson
from edge_asl.evaluation.metrics import Evaluation, Predictions, evaluate_predictions, to_manifest_metrics
from edge_asl.evaluation.reliability import reliability_bins
from edge_asl.evaluation.text import format_evaluation

LABELS = ("A", "B", "C", "D")


def evaluate(truth: list[int], rows: list[list[float]], /, **changes: Any) -> Evaluation:
    given = {
        "labels": LABELS,
        "truth": np.array(truth),
        "probabilities": np.array(rows, np.float32).reshape(-1, len(LABELS)),
        "signers": [None] * len(truth),
    }
    return evaluate_predictions(Predictions(**given | changes), "test")


SIX = evaluate(
    [0, 0, 1, 1, 2, 0],
    [
        [0.9, 0.1, 0.0, 0.0],
        [0.2, 0.6, 0.1, 0.1],  # A taken for B
        [0.0, 0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1, 0.0],
        [0.4, 0.3, 0.2, 0.1],  # C taken for A, third best
        [0.5, 0.5, 0.0, 0.0],  # a tie: the first of the labels wins, as on the device
    ],
)


def test_accuracy_and_confusions_by_hand():
    assert SIX.accuracy == 4 / 6
    assert SIX.top3 == 1.0
    assert SIX.confusion == ((2, 1, 0, 0), (0, 2, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))
    # Both happened once; C → A is all of C's pictures and stands first.
    assert [(c.truth, c.predicted, c.count, c.share) for c in SIX.confusions] == [
        ("C", "A", 1, 1.0),
        ("A", "B", 1, pytest.approx(1 / 3)),
    ]


def test_class_scores_by_hand():
    a, b, c, d = SIX.classes

    assert (a.precision, a.recall, a.f1, a.support) == (
        pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3), 3,
    )  # fmt: skip
    assert (b.precision, b.recall, b.f1) == (pytest.approx(2 / 3), 1.0, pytest.approx(0.8))
    # Shown but never answered: nothing was claimed, and it scores nothing.
    assert (c.precision, c.recall, c.f1) == (None, 0.0, 0.0)
    # Not in the test at all: nothing can be said.
    assert (d.precision, d.recall, d.f1, d.support) == (None, None, None, 0)
    assert SIX.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0) / 3)


def test_answers_above_a_threshold_by_hand():
    assert [(t.threshold, t.coverage, t.accuracy) for t in SIX.thresholds] == [
        (0.5, pytest.approx(5 / 6), pytest.approx(4 / 5)),
        (0.7, pytest.approx(3 / 6), 1.0),
        (0.8, pytest.approx(2 / 6), 1.0),
        (0.9, pytest.approx(1 / 6), 1.0),
    ]
    silent = evaluate([0], [[0.3, 0.3, 0.2, 0.2]])
    assert silent.thresholds[0].accuracy is None


def test_calibration_error_by_hand():
    """Four answers at 0.95, three right, and two at 0.55, one right: 4/6·|.75 − .95| + 2/6·|.5 − .55|."""
    bins = reliability_bins(
        np.array([0.95] * 4 + [0.55] * 2, np.float32), np.array([True, True, True, False, True, False])
    )

    assert len(bins) == 15
    assert [(b.count, b.accuracy) for b in bins if b.count] == [(2, 0.5), (4, 0.75)]
    rows = [[0.95, 0.05, 0, 0]] * 4 + [[0.55, 0.45, 0, 0]] * 2
    assert evaluate([0, 0, 0, 1, 0, 1], rows).calibration_error == pytest.approx(4 / 6 * 0.2 + 2 / 6 * 0.05)
    # Where no hand is found, nothing is said that could be sure or unsure.
    silent = evaluate([0, 0, 0, 1, 0, 1, 2], [*rows, [0, 0, 0, 0]])
    assert silent.calibration_error == pytest.approx(4 / 6 * 0.2 + 2 / 6 * 0.05)
    assert evaluate([2], [[0, 0, 0, 0]]).calibration_error == 0


def test_a_bin_ends_with_its_upper_edge():
    bins = reliability_bins(np.array([0.0, 0.25, 1.0], np.float32), np.array([True] * 3), count=4)

    assert [b.count for b in bins] == [2, 0, 0, 1]


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(counts: tuple[int, int]):
    right, total = counts
    found = wilson(right, total)
    expected = binomtest(right, total).proportion_ci(0.95, method="wilson")

    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= found.low <= right / total <= found.high <= 1


def test_people_are_the_unit_of_independence():
    """One person always right and one always wrong: 1,000 pictures do not make that 50 ± 3 %."""
    right = np.array([True] * 500 + [False] * 500)

    assert bootstrap_people(right, ["ann"] * 500 + ["bob"] * 500) == Interval(0.0, 1.0)
    assert wilson(500, 1000).high - wilson(500, 1000).low < 0.07


def test_the_bootstrap_agrees_with_theory_and_repeats():
    """40 people of 25 pictures each: the mean of 40 numbers, whose standard error theory knows."""
    shares = np.random.default_rng(0).integers(10, 26, 40)
    right = np.concatenate([np.arange(25) < share for share in shares])
    signers = [f"p{i // 25}" for i in range(1000)]
    found = bootstrap_people(right, signers)

    assert found is not None
    half = 1.96 * np.std(shares / 25) / np.sqrt(40)
    assert found.low == pytest.approx(np.mean(shares) / 25 - half, abs=0.01)
    assert found.high == pytest.approx(np.mean(shares) / 25 + half, abs=0.01)
    assert bootstrap_people(right, signers) == found


@pytest.mark.parametrize("signers", [["ann", None], ["ann", "ann"], [None, None]])
def test_no_interval_over_people_without_people(signers: list[str | None]):
    assert bootstrap_people(np.array([True, False]), signers) is None


def test_the_least_understood_people_come_first():
    sure = [0.9, 0.1, 0, 0]
    found = evaluate([0, 0, 1, 1, 0], [sure] * 5, signers=["ann", "ann", "bob", "bob", None])

    assert found.people == 2
    assert [(p.person, p.pictures, p.accuracy) for p in found.persons] == [("bob", 2, 0.0), ("ann", 2, 1.0)]
    assert found.interval_people is None, "one picture's person is unknown"


def test_float_and_int8_are_compared():
    rows = [[0.9, 0.1, 0, 0], [0.4, 0.6, 0, 0], [0.8, 0.2, 0, 0], [0.7, 0.3, 0, 0]]
    better = np.array(rows, np.float32)
    better[1] = [0.6, 0.4, 0, 0]
    found = evaluate([0, 0, 0, 1], rows, probabilities_float=better)

    assert (found.accuracy, found.accuracy_float, found.agreement, found.lost_points) == (0.5, 0.75, 0.75, 25.0)
    assert "(int8 loses 25.00 points, agrees on 75.00%)" in format_evaluation(found)
    other = evaluate([0, 0, 0, 1], better.tolist(), probabilities_float=np.array(rows, np.float32))
    assert "(int8 gains 25.00 points, agrees on 75.00%)" in format_evaluation(other)


def test_times_are_median_and_95th_percentile():
    found = evaluate([0], [[1, 0, 0, 0]], latencies_ms=list(range(1, 102)))

    assert (found.median_ms, found.p95_ms) == (51.0, 96.0)
    assert SIX.median_ms is None


def test_an_evaluation_survives_json():
    assert msgspec.json.decode(msgspec.json.encode(SIX), type=Evaluation) == SIX


def test_the_manifest_takes_its_part():
    rows = [[0.9, 0.1, 0, 0], [0.1, 0.9, 0, 0]]
    found = evaluate([0, 1], rows, probabilities_float=np.array(rows, np.float32), signers=["ann", "bob"])
    metrics = to_manifest_metrics(found)

    assert (metrics.pictures, metrics.people, metrics.accuracy_int8, metrics.agreement) == (2, 2, 1.0, 1.0)
    assert metrics.accuracy_low == wilson(2, 2).low
    assert metrics.accuracy_high == 1.0
    assert (to_manifest_metrics(SIX).accuracy_float, to_manifest_metrics(SIX).agreement) == (None, None)


def test_no_pictures_is_the_users_error():
    with pytest.raises(DataError, match="test: there are no pictures to evaluate"):
        evaluate([], [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signers": []}, "signers: expected 1, found 0"),
        ({"labels": ("A", "B")}, r"expected shape \(1, 2\), found \(1, 4\)"),
        ({"probabilities_float": np.zeros((2, 4), np.float32)}, "probabilities_float: expected shape"),
        ({"truth": np.array([4])}, "truth: expected 0 to 3, found 4 to 4"),
    ],
)
def test_arrays_that_do_not_fit_are_a_bug(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        evaluate([0], [[1, 0, 0, 0]], **changes)


@settings(deadline=None)  # the first example imports scikit-learn
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.sampled_from([2, 3, 10, 29]),
    pictures=st.integers(1, 60),
    known=st.booleans(),
)
def test_whatever_comes_the_figures_hang_together(seed: int, classes: int, pictures: int, known: bool):
    random = np.random.default_rng(seed)
    rows = random.dirichlet([0.3] * classes, pictures).astype(np.float32)
    predictions = Predictions(
        labels=tuple(f"c{i}" for i in range(classes)),
        truth=random.integers(0, classes, pictures),
        probabilities=rows,
        probabilities_float=rows,
        signers=[f"p{i % 4}" if known else None for i in range(pictures)],
    )
    found = evaluate_predictions(predictions, "test")

    matrix = np.array(found.confusion)
    assert matrix.sum() == pictures == sum(c.support for c in found.classes) == sum(b.count for b in found.reliability)
    assert np.trace(matrix) / pictures == pytest.approx(found.accuracy)
    assert found.interval.low <= found.accuracy <= found.interval.high
    assert found.accuracy <= found.top3 <= 1
    assert 0 <= found.calibration_error <= 1
    assert (found.agreement, found.lost_points) == (1.0, 0.0)
    assert sum(p.pictures for p in found.persons) == (pictures if known else 0)


def test_the_import_stays_cheap():
    code = (
        "import sys, edge_asl.evaluation.metrics, edge_asl.evaluation.report\n"
        "found = {'sklearn', 'scipy', 'matplotlib', 'jinja2', 'tensorflow'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
