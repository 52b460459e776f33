"""Following a hand through frames, on hands that move by script."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import DrawnEyes, hand_at

from edge_asl_device.inference.hands.follow import CHECK_S, GAP_S, LIVE, LOST_S, SIDE_S, SWITCH_S, HandFollower
from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.region import Region
from edge_asl_device.inference.hands.stage import PLAIN, SMALLER

FRAME = np.zeros((480, 640, 3), np.uint8)
FRAME_S = 1 / 30


class Film:
    """Frames one after the other."""

    def __init__(self, eyes: DrawnEyes) -> None:
        self.eyes, self.follower, self.time_s = eyes, HandFollower(eyes), 100.0

    def frame(self, *hands: np.ndarray):
        self.eyes.hands = hands
        self.time_s += FRAME_S
        return self.follower.follow(FRAME, self.time_s)

    def still(self, seconds: float, *hands: np.ndarray):
        for _ in range(round(seconds / FRAME_S)):
            found = self.frame(*hands)
        return found


def test_palms_are_looked_for_once_and_then_only_now_and_then():
    film = Film(DrawnEyes())
    assert film.still(2.0, hand_at(300, 200, 100)) is not None
    assert len(film.eyes.views) <= 1 + 2.0 / CHECK_S
    assert len(film.eyes.read_regions) == 60 + 1  # the first frame's hand is read twice


def test_a_hand_is_followed_across_the_frame_without_losing_it():
    film = Film(DrawnEyes())
    for x in np.linspace(80, 560, 60):
        hand = hand_at(x, 240, 90)
        found = film.frame(hand)
        np.testing.assert_array_equal(found.landmarks, hand)
    assert set(film.eyes.views) == {PLAIN.view}


def test_without_a_hand_each_frame_costs_one_search_and_every_view_has_its_turn():
    film = Film(DrawnEyes())
    for _ in range(2 * len(LIVE)):
        assert film.frame() is None
    assert film.eyes.views == 2 * [search.view for search in LIVE]


def test_a_hand_that_only_the_smaller_view_shows_is_found_and_followed():
    film = Film(DrawnEyes())
    film.eyes.seen_through = {SMALLER.view}
    assert film.still(1.0, hand_at(300, 200, 100)) is not None
    looked = len(film.eyes.views)
    film.still(0.3, hand_at(300, 200, 100))
    assert len(film.eyes.views) <= looked + 1


def test_a_hand_that_is_gone_is_awaited_for_a_moment_and_then_forgotten():
    film = Film(DrawnEyes())
    film.still(0.3, hand_at(300, 200, 100))
    assert film.still(LOST_S + 0.1) is None
    film.eyes.read_regions.clear()
    film.still(0.3)
    assert film.eyes.read_regions == []


def test_a_blurred_frame_does_not_lose_the_hand():
    film = Film(DrawnEyes())
    hand = hand_at(300, 200, 100)
    film.still(0.3, hand)
    film.eyes.seen_through = set()  # no palm is seen any more: only the old place helps
    assert film.frame() is None
    assert film.frame(hand) is not None


def test_it_does_not_jump_to_and_fro_between_two_hands():
    film = Film(DrawnEyes())
    mine, other = hand_at(200, 200, 100), hand_at(450, 210, 100)
    film.still(0.2, mine)
    rng = np.random.default_rng(2)
    for _ in range(150):
        tremble = rng.normal(0, 8, (2, 2)).astype(np.float32)
        found = film.frame(mine + tremble[0], other + tremble[1])
        assert abs(found.landmarks[:, 0].mean() - 200) < 60


def test_it_changes_to_the_raised_larger_hand_but_not_at_once():
    film = Film(DrawnEyes())
    resting, raised = hand_at(150, 400, 70), hand_at(450, 150, 110)
    film.still(0.2, resting)
    assert film.still(SWITCH_S - 0.1, resting, raised).landmarks[:, 0].mean() == pytest.approx(150, abs=1)
    assert film.still(2 * CHECK_S + 0.2, resting, raised).landmarks[:, 0].mean() == pytest.approx(450, abs=1)


class OneDoubtful(DrawnEyes):
    """Whatever is lower than the middle of the frame has little presence: a sleeve."""

    doubtful = 0.9

    def read(self, frame: np.ndarray, region: Region) -> Hand:
        found = super().read(frame, region)
        low = found.landmarks[:, 1].mean() > 240
        return found._replace(presence=min(found.presence, self.doubtful)) if low else found


def test_a_doubtful_hand_is_left_for_a_raised_one_at_the_next_check():
    eyes = OneDoubtful()
    film = Film(eyes)
    film.still(0.2, hand_at(150, 400, 70))
    eyes.doubtful = 0.6
    found = film.still(CHECK_S, hand_at(150, 400, 70), hand_at(450, 150, 110))
    assert found.landmarks[:, 0].mean() == pytest.approx(450, abs=1)


def test_also_at_a_frame_every_two_seconds_each_view_has_its_turn():
    eyes = DrawnEyes()
    follower = HandFollower(eyes)
    for time_s in (0.0, 2.0):
        follower.follow(FRAME, time_s)
    assert eyes.views == [search.view for search in LIVE]


def test_of_two_new_hands_the_raised_larger_one_is_followed():
    film = Film(DrawnEyes())
    found = film.frame(hand_at(150, 400, 70), hand_at(450, 150, 110))
    assert found.landmarks[:, 0].mean() == pytest.approx(450, abs=1)


@pytest.mark.parametrize(("x", "size"), [(700.0, 100), (300.0, 10)])
def test_a_hand_that_left_the_frame_or_shrank_to_nothing_is_none(x: float, size: float):
    film = Film(DrawnEyes())
    for share in np.linspace(0, 1, 40):
        found = film.frame(hand_at(300 + share * (x - 300), 200, 100 + share * (size - 100)))
    assert found is None


def test_a_left_hand_is_read_mirrored_and_a_moment_of_doubt_changes_nothing():
    film = Film(DrawnEyes(left=True))
    hand = hand_at(300, 200, 100)
    assert film.frame(hand).region.mirrored
    film.eyes.left = False
    assert film.still(SIDE_S - 0.1, hand).region.mirrored
    assert not film.still(0.3, hand).region.mirrored


@pytest.mark.parametrize("change", ["late", "early", "size"])
def test_after_a_gap_or_another_picture_size_it_starts_anew(change: str):
    film = Film(DrawnEyes())
    film.still(0.3, hand_at(300, 200, 100))
    looked = len(film.eyes.views)
    frame = FRAME[:360, :480] if change == "size" else FRAME
    time_s = film.time_s + {"late": GAP_S + 0.1, "early": -1.0, "size": FRAME_S}[change]
    assert film.follower.follow(frame, time_s) is not None
    assert len(film.eyes.views) == looked + 1


def test_what_is_shown_trembles_less_than_what_was_read():
    film = Film(DrawnEyes())
    rng, read, shown = np.random.default_rng(4), [], []
    for _ in range(60):
        found = film.frame(hand_at(300, 200, 100) + rng.normal(0, 1, (21, 2)).astype(np.float32))
        read.append(found.landmarks)
        shown.append(found.smoothed)
    assert np.diff(shown[20:], axis=0).std() < 0.5 * np.diff(read[20:], axis=0).std()
