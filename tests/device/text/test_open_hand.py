"""An open hand as a button: which hands are open, and for how long one is held."""

from __future__ import annotations

import numpy as np
import pytest
from hands import UP, hand

from edge_asl_device.kiosk.handedness import LASTS_S, Handedness
from edge_asl_device.text.open_hand import GAP_S, HELD_S, OpenHand, is_open

PERIOD_S = 0.04


def open_hand(turn: float = 0.0) -> np.ndarray:
    """A right hand, all fingers straight and spread like a fan."""
    points = [(0.0, 0.0), (0.25, 0.15), (0.45, 0.35), (0.65, 0.55), (0.8, 0.75)]
    for knuckle, degrees in zip([(0.3, 0.9), (0.1, 1.0), (-0.12, 0.95), (-0.33, 0.82)], (14, 3, -8, -22), strict=True):
        way = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
        points += [tuple(np.array(knuckle) + way * reach) for reach in (0.0, 0.4, 0.65, 0.85)]
    angle = np.radians(turn)
    turned = np.array(points) @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return (turned * (90, -90) + (640, 400)).astype(np.float32)


@pytest.mark.parametrize("turn", [-25, 0, 25])
def test_an_open_hand_is_open(turn: float):
    assert is_open(open_hand(turn))
    assert is_open(open_hand(turn) * (-1, 1) + (1280, 0)), "the left one, too"
    assert is_open(open_hand(turn) * 0.3), "far away, too"


def test_others_are_not():
    assert not any(is_open(hand(shape)) for shape in UP)
    assert not is_open(open_hand(180)), "hanging down"
    assert not is_open(np.zeros((21, 2), np.float32))


def fed(button: OpenHand, *spans: tuple[float, bool]) -> list[float]:
    """The seconds at which it was pressed."""
    time_s, pressed = 0.0, []
    for seconds, is_open_now in spans:
        for _ in range(round(seconds / PERIOD_S)):
            time_s += PERIOD_S
            if button.seen(time_s, is_open=is_open_now):
                pressed.append(time_s)
    return pressed


def test_it_is_pressed_once_until_it_is_let_go():
    pressed = fed(OpenHand(), (6.0, True), (1.0, False), (2.0, True))
    assert pressed == [pytest.approx(HELD_S, abs=0.1), pytest.approx(7 + HELD_S, abs=0.1)]


def test_a_moment_of_doubt_is_forgiven_and_a_longer_one_is_not():
    assert len(fed(OpenHand(), (1.0, True), (GAP_S / 2, False), (1.0, True))) == 1
    assert fed(OpenHand(), (1.0, True), (GAP_S * 2, False), (1.0, True)) == []


def test_a_wave_in_passing_is_nothing():
    assert fed(OpenHand(), *[(0.5, True), (0.5, False)] * 10) == []


def test_the_drawings_follow_the_hand_that_stays():
    hands = Handedness()
    for time_s in np.arange(0, 5, 0.1):
        hands.seen(float(time_s), left=int(time_s * 10) % 5 == 0)
    assert not hands.left, "taken for the other one now and then"
    for time_s in np.arange(5, 5 + LASTS_S + 0.2, 0.1):
        hands.seen(float(time_s), left=True)
    assert hands.left
