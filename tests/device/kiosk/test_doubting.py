"""What the page says while a hand is seen and nothing is read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.kiosk.doubting import GUESS_PROBABILITY, GUESS_S, SETTLE_S, Doubting
from edge_asl_device.kiosk.guidance import obstacle
from edge_asl_device.text.transcriber import State
from edge_asl_device.web.messages import Doubt, Reason

FRAME_S = 1 / 30


def seen(best: str = "M", probability: float = 0.5, leading: str | None = None) -> State:
    return State(leading, probability, 0.0, None, "", best=best)


class Visitor:
    """Feeds frames at 30 a second."""

    def __init__(self) -> None:
        self._doubting, self.time_s = Doubting(), 50.0

    def shows(self, seconds: float, state: State, *, still: bool = True) -> list[Doubt | None]:
        """Every doubt while a hand is seen."""
        return self._feed(seconds, state, "unsure" if still else "moving", present=True)

    def leaves(self, seconds: float, *, present: bool) -> list[Doubt | None]:
        """Every doubt while none is seen, though one may have been there a moment ago."""
        return self._feed(seconds, seen("", 0.0), None, present=present)

    def meets(self, seconds: float, reason: Reason, *, present: bool = True) -> list[Doubt | None]:
        """Every doubt while something keeps the hand from being read."""
        return self._feed(seconds, seen(), reason, present=present)

    def _feed(self, seconds: float, state: State, reason: Reason | None, *, present: bool) -> list[Doubt | None]:
        found = []
        for _ in range(round(seconds / FRAME_S)):
            self.time_s += FRAME_S
            found.append(self._doubting.look(self.time_s, state, reason, present=present))
        return found


def test_a_still_hand_that_reads_as_nothing_is_unsure_after_a_moment():
    found = Visitor().shows(SETTLE_S + 0.2, seen(probability=0.2))
    assert found[0] is None
    assert found[-1] == Doubt("unsure")


def test_a_hand_that_moves_is_asked_to_be_still():
    found = Visitor().shows(1.0, seen(), still=False)
    assert found[0] is None
    assert found[-1] == Doubt("moving")


def test_a_letter_in_front_is_no_doubt_and_ends_one_at_once():
    visitor = Visitor()
    assert visitor.shows(1.0, seen())[-1] is not None
    assert set(visitor.shows(1.0, seen("L", 0.9, leading="L"))) == {None}


def test_between_two_letters_there_is_no_doubt():
    visitor = Visitor()
    visitor.shows(0.5, seen("L", 0.9, leading="L"))
    assert set(visitor.shows(SETTLE_S - 0.1, seen(), still=False)) == {None}


def test_it_changes_its_mind_slowly():
    """Short jerks of a hand that is otherwise still change nothing."""
    visitor = Visitor()
    visitor.shows(1.0, seen(probability=0.2))
    found = []
    for _ in range(5):
        found += visitor.shows(0.1, seen(probability=0.2), still=False)
        found += visitor.shows(0.5, seen(probability=0.2))
    assert set(found) == {Doubt("unsure")}


def test_a_guess_is_offered_only_when_it_lasts():
    found = Visitor().shows(2.0, seen("M", 0.5))
    guesses = [doubt.guess for doubt in found if doubt]
    assert guesses[0] is None
    assert guesses[-1] == "M"
    assert found[round((GUESS_S - 0.1) / FRAME_S)] == Doubt("unsure")


def test_no_guess_that_flickers_or_is_improbable():
    visitor = Visitor()
    found = []
    for best in "MNMNMNMN":
        found += visitor.shows(0.4, seen(best, 0.5))
    found += visitor.shows(2.0, seen("M", GUESS_PROBABILITY - 0.05))
    assert {doubt.guess for doubt in found if doubt} == {None}


def test_no_guess_while_the_hand_moves():
    assert {doubt.guess for doubt in Visitor().shows(2.0, seen("M", 0.5), still=False) if doubt} == {None}


def test_a_hand_missed_for_a_moment_changes_nothing_and_one_that_left_does():
    visitor = Visitor()
    before = visitor.shows(2.0, seen())[-1]
    assert set(visitor.leaves(0.3, present=True)) == {before}
    assert set(visitor.leaves(0.3, present=False)) == {None}


@pytest.mark.parametrize("reason", ["dark", "cut-off", "far", "two-hands"])
def test_what_keeps_it_from_being_read_is_said_soon_and_no_guess_with_it(reason: Reason):
    visitor = Visitor()
    visitor.shows(2.0, seen("M", 0.5))
    found = visitor.meets(2.0, reason)
    assert found[round((SETTLE_S + 0.1) / FRAME_S)] == found[-1] == Doubt(reason)


def test_it_is_dark_although_no_hand_is_seen():
    visitor = Visitor()
    assert visitor.meets(1.0, "dark", present=False)[-1] == Doubt("dark")
    assert visitor.leaves(0.1, present=False)[-1] is None


HAND = np.random.default_rng(1).uniform((100, 100), (220, 260), (21, 2)).astype(np.float32)
"""160 px high in a frame of 480."""


@pytest.mark.parametrize(
    ("landmarks", "company", "still", "reason"),
    [
        (HAND, False, True, "unsure"),
        (HAND, False, False, "moving"),
        (HAND, True, True, "two-hands"),
        (HAND * 0.5, False, True, "far"),
        (HAND * 0.5, True, False, "far"),
        (HAND + np.float32((470, 0)), False, True, "cut-off"),
        (HAND - (0, 150), True, True, "cut-off"),
        (None, False, True, "unsure"),
        (None, False, False, "moving"),
    ],
)
def test_what_keeps_a_hand_from_being_read(
    landmarks: NDArray[np.float32] | None, company: bool, still: bool, reason: Reason
):
    assert obstacle(landmarks, 480, 640, company=company, still=still) == reason
