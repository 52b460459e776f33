"""The way a network wants its pixels, by what it answers."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl.errors import ModelError
from edge_asl.imports.scalings import check_better_than_chance, choose_pixels, order_of, trial

LABELS = ("A", "B", "C", "D")
TRUTH = np.repeat(np.arange(4), 25)


def answers(classes: object, sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / 3
    return np.where(np.eye(4)[np.asarray(classes)] > 0, sure, rest).astype(np.float32)


def choose(**tried: np.ndarray):
    return choose_pixels({name: trial(given, TRUTH) for name, given in tried.items()}, LABELS)


def test_the_most_right_answers_win():
    half = np.where(np.arange(100) % 5 < 2, TRUTH, 0)
    choice = choose(tf=answers(half), unit=answers(TRUTH), raw=answers(np.zeros(100, int)))

    assert choice.pixels == "unit"
    assert choice.accuracies == {"tf": 0.55, "unit": 1.0, "raw": 0.25}
    assert choice.in_words == "unit 100.0%, tf 55.0%, raw 25.0%"
    assert choice.order is None
    check_better_than_chance(choice, "m")


def test_of_equally_right_ones_the_surer_wins():
    assert choose(tf=answers(TRUTH, 0.6), unit=answers(TRUTH, 0.9), raw=answers(TRUTH, 0.8)).pixels == "unit"


def test_chance_is_refused_with_what_to_check():
    guessed = np.random.default_rng(0).integers(0, 4, 100)

    with pytest.raises(ModelError, match=r"m: no better than chance, 25\.0%, on 100 pictures .*check that the labels"):
        check_better_than_chance(choose(tf=answers(guessed), raw=answers(np.zeros(100, int))), "m")


def test_the_most_frequent_sign_is_no_skill():
    truth = np.array([0] * 90 + [1] * 10)
    choice = choose_pixels({"tf": trial(answers(np.zeros(100, int)), truth)}, LABELS)

    assert (choice.accuracies["tf"], choice.chance) == (0.9, 0.9)
    with pytest.raises(ModelError, match=r"no better than chance, 90\.0%"):
        check_better_than_chance(choice, "m")


def test_labels_in_another_order_are_recognised():
    """The model's outputs are C, A, D, B; somebody said A, B, C, D."""
    output_of = np.array([1, 3, 0, 2])
    choice = choose(unit=answers(output_of[TRUTH]))

    assert order_of(choice) == "C,A,D,B"
    with pytest.raises(ModelError, match=r"in another order it would be 100\.0%; try --labels C,A,D,B"):
        check_better_than_chance(choice, "m")


def test_two_labels_changed_over_are_a_warning():
    choice = choose(unit=answers(np.array([0, 1, 3, 2])[TRUTH]))

    assert order_of(choice) == "A,B,D,C"
    check_better_than_chance(choice, "m")
