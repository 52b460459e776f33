"""J and Z by the way of the fingertip."""

from __future__ import annotations

import time
from collections.abc import Iterable

import hands
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asl_device.text.movement import Movement
from edge_asl_device.text.moving_letters import MovingLetters
from edge_asl_device.text.track import Track

# Times in seconds, then palms to the right and up, and degrees: a second of rest, the drawing, half a second of rest.
J = ((0, 0, 0, 0), (1, 0, 0, 0), (1.35, 0, -0.9, 0), (1.6, 0.3, -1, -25), (1.9, 0.4, -0.6, -45), (2.4, 0.4, -0.6, -45))
Z = ((0, 0, 0, 0), (1, 0, 0, 0), (1.3, -0.7, 0, 0), (1.6, 0, -0.6, 0), (1.9, -0.7, -0.6, 0), (2.4, -0.7, -0.6, 0))
DRAWN = {"J": ("I", J), "Z": ("Z", Z)}


def paced(corners: Iterable[tuple[float, ...]], duration: float) -> list[tuple[float, ...]]:
    """The same way, its drawing taking as many seconds."""
    *_, last = corners
    drawing = last[0] - 1.5
    return [(min(t, 1) + max(0, min(t - 1, drawing)) * duration / drawing + max(0, t - last[0] + 0.5), *rest)
            for t, *rest in corners]  # fmt: skip


def drawn(frames: Iterable[tuple[float, hands.Landmarks | None]]) -> str:
    """The letters that are noticed."""
    track, letters, found = Track(), MovingLetters(), ""
    for time_s, points in frames:
        if track.add(time_s, points) and (letter := letters.drawn(track)):
            found += letter.letter
    return found


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from("JZ"),
    st.floats(0.4, 2.0),
    st.sampled_from([15, 30, 60]),
    st.booleans(),
    st.floats(-15, 15),
    st.floats(0.2, 3.0),
    st.floats(0, 0.02),
    st.integers(0, 99),
)
def test_it_is_noticed_whoever_draws_it(
    letter: str, duration: float, fps: int, mirrored: bool, turn: float, scale: float, noise: float, seed: int
) -> None:
    shape, corners = DRAWN[letter]
    frames = hands.moved(shape, *paced(corners, duration if fps > 15 else max(duration, 0.7)))
    seen = hands.seen(frames, fps, noise=noise, mirrored=mirrored, turn=turn, scale=scale, lost=0.03, seed=seed)
    assert drawn(seen) == letter


@pytest.mark.parametrize("letter", "JZ")
@pytest.mark.parametrize("duration", [0.8, 1.4, 2.0])
def test_ten_frames_a_second_are_enough(letter: str, duration: float) -> None:
    shape, corners = DRAWN[letter]
    assert drawn(hands.seen(hands.moved(shape, *paced(corners, duration)), 10, noise=0.01)) == letter


def test_a_second_one_is_noticed_too() -> None:
    shape, corners = DRAWN["Z"]
    again = [(t + 2.9, *rest) for t, *rest in corners]
    assert drawn(hands.seen(hands.moved(shape, *corners, *again), 30)) == "ZZ"


@pytest.mark.parametrize("shape", ["I", "Z", "L", "Y"])
@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.floats(0.2, 1.5), st.floats(-1, 1), st.floats(-0.12, 0.12), st.floats(-6, 6)), max_size=8),
    st.floats(0, 0.03),
    st.integers(0, 99),
)
def test_a_hand_that_waves_drifts_or_trembles_draws_nothing(
    shape: str, places: list[tuple[float, float, float, float]], noise: float, seed: int
) -> None:
    corners, t = [(0.0, 0.0, 0.0, 0.0), (0.5, 0.0, 0.0, 0.0)], 0.5
    for seconds, x, y, turn in places:
        t += seconds
        corners.append((t, x, y, turn))
    assert drawn(hands.seen(hands.moved(shape, *corners), 30, noise=noise, seed=seed)) == ""


@pytest.mark.parametrize("shape", ["I", "Z", "L", "Y", "A", "B"])
@pytest.mark.parametrize("aside", [-1.5, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2])
def test_a_hand_that_is_raised_and_lowered_draws_nothing(shape: str, aside: float, seconds: float) -> None:
    down = (aside, -4.0, aside * 10)
    corners = [(0, *down), (seconds, 0, 0, 0), (seconds + 1, 0, 0, 0), (2 * seconds + 1, *down)]
    assert drawn(hands.seen(hands.moved(shape, *corners, (2 * seconds + 1.5, *down)), 30, noise=0.01)) == ""


@pytest.mark.parametrize("fps", [10, 15, 30])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("letter", "ABCDEFHIJLOVWY")
def test_real_hands(letter: str, mirrored: bool, fps: int) -> None:
    every = 30 // fps
    frames = [None if points is None else points * (-1 if mirrored else 1, 1) for points in hands.clip(letter)]
    found = drawn((number / 30, points) for number, points in enumerate(frames) if number % every == 0)
    assert found == ("J" if letter == "J" else "")


def test_another_shape_that_goes_the_same_way_draws_nothing() -> None:
    for shape in "AB":
        for corners in (J, Z):
            assert drawn(hands.seen(hands.moved(shape, *corners), 30)) == ""


def test_a_pointing_hand_stays_a_digit_where_no_z_is_read() -> None:
    """It is never spent, as after a drawing."""
    for labels, seen in ((("Z",), {True, False}), (("1", "7"), {False})):
        movement = Movement(labels)
        frames = enumerate(hands.seen(hands.moved("Z", *Z), 30))
        assert {movement.seen(number / 30, points).spent for number, (_, points) in frames} == seen


def test_it_costs_little() -> None:
    """Processor time; 0.4 ms a frame were measured where 5 are allowed."""
    frames = list(hands.seen(hands.moved("I", *J) * 4, 30, noise=0.01))
    movement = Movement(("J", "Z"))
    started = time.process_time()
    for number, (_, points) in enumerate(frames):
        movement.seen(number / 30, points)
    assert (time.process_time() - started) / len(frames) < 0.005


def test_landmarks_that_are_no_numbers_are_no_hand() -> None:
    movement = Movement(("J", "Z"))
    for value in (np.nan, np.inf, 0.0):
        assert not movement.seen(1.0, np.full((21, 2), value, np.float32)).tracked
