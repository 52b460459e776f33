"""The same hand from frame to frame: the next region comes from the landmarks; palms are looked for without one."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.inference.hands.hand import Hand
from edge_asl_device.inference.hands.one_euro import OneEuro
from edge_asl_device.inference.hands.region import Region, region_of_landmarks
from edge_asl_device.inference.hands.stage import CANDIDATES, PLAIN, PRESENT, SMALLER, Eyes, look, prominence

LIVE = tuple(search._replace(presence=0.8) for search in (PLAIN, SMALLER))
"""Tried by turns. Stricter and fewer than for a picture by itself: the next frame is another chance, for a sleeve to be
taken for a hand as well as for the hand to be seen."""
GAP_S = 1.0
"""Frames further apart than this have nothing to do with one another."""
LOST_S = 0.3
"""How long a hand that is not seen is still awaited where it was: a blurred frame is not a hand taken away."""
CHECK_S = 0.5
"""How often palms are looked for while a hand is followed: the other hand may be the one that signs by now."""
CLEARLY = 0.1
"""By how much the other hand must be more prominent, in heights of the frame, …"""
SWITCH_S = 1.0
"""… and for how long, before it is followed instead; at once where the followed one is not worth following anew."""
SIDE_S = 1.0
"""For how long a hand must look like one of the other side before it is read as one: hands that turn do for a while."""
SMALLEST = 0.03
"""A hand whose extent is less than this share of the frame's shorter side is not one any more."""
SHOWN_HZ, SHOWN_SLOPE = 2.0, 4.0
"""How landmarks are smoothed for the eye; the speed is in hands a second."""
REGION_HZ, REGION_SLOPE = 2.0, 5.0
"""How regions are: readings of a still hand tremble a fifth less, those of a moving one are no worse."""


class HandFollower:
    """Follows one hand through live frames.

    A frame costs one reading while the hand is followed, and twice a second a search for palms beside it. Where there
    is none, it costs one search and the readings of what that finds.

    Args:
        eyes: the two models: ``HandStage``.
    """

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._shown, self._steady = OneEuro(SHOWN_HZ, SHOWN_SLOPE), OneEuro(REGION_HZ, REGION_SLOPE)
        self._searches = itertools.cycle(LIVE)
        self._company = False
        self._region: Region | None = None
        self._time_s, self._height, self._width = -math.inf, 0, 0
        self._forget()

    def follow(self, frame: NDArray[np.uint8], time_s: float) -> Hand | None:
        """The hand in the next frame; None where there is none.

        Args:
            frame: RGB uint8 (H, W, 3). One of another size, much later or earlier than the last starts anew.
            time_s: when it was taken, in seconds.
        """
        height, width = frame.shape[:2]
        if (height, width) != (self._height, self._width) or not 0 <= time_s - self._time_s <= GAP_S:
            self._forget()
        self._time_s, self._height, self._width = time_s, height, width
        hand = self._where_it_was(frame) or self._anywhere(frame)
        if hand is None:
            return None
        hand = self._more_prominent(frame, hand)
        self._region, self._seen_s = self._next_region(hand), time_s
        smoothed = self._shown.smooth(hand.landmarks, time_s, unit=hand.region.side / 2)
        return hand._replace(smoothed=smoothed, company=self._company)

    def _forget(self) -> None:
        """There is no hand to follow; the next one is another."""
        self._shown.forget()
        self._steady.forget()
        self._region = None
        self._other_side_s: float | None = None
        self._rival_s: float | None = None
        self._company = False
        self._checked_s = self._time_s

    def _where_it_was(self, frame: NDArray[np.uint8]) -> Hand | None:
        if self._region is None:
            return None
        hand = self._eyes.read(frame, self._region)
        if self._is_one(hand):
            return hand
        if self._time_s - self._seen_s > LOST_S:
            self._forget()
        return None

    def _anywhere(self, frame: NDArray[np.uint8]) -> Hand | None:
        hand = look(self._eyes, frame, next(self._searches))
        if hand is None or not self._is_one(hand):
            return None
        self._forget()
        return hand

    def _is_one(self, hand: Hand) -> bool:
        """Whether it is still a hand, large enough and in the frame."""
        x, y = hand.landmarks.mean(axis=0)
        extent = float(np.ptp(hand.landmarks, axis=0).max())
        inside = 0 <= x < self._width and 0 <= y < self._height
        return hand.presence >= PRESENT and inside and extent >= SMALLEST * min(self._height, self._width)

    def _more_prominent(self, frame: NDArray[np.uint8], hand: Hand) -> Hand:
        """The other hand once it has been clearly the more prominent one for a while; else ``hand``."""
        if self._time_s - self._checked_s < CHECK_S:
            return hand
        self._checked_s = self._time_s
        rival = self._rival(frame, hand)
        if rival is None:
            self._rival_s = None
            return hand
        if self._rival_s is None:
            self._rival_s = self._time_s
        if self._time_s - self._rival_s < SWITCH_S and hand.presence >= LIVE[0].presence:
            return hand
        self._forget()
        return self._eyes.read(frame, region_of_landmarks(rival.landmarks, rival.left))

    def _rival(self, frame: NDArray[np.uint8], hand: Hand) -> Hand | None:
        search = LIVE[0]
        palms = self._eyes.palms(frame, search.view, search.palm)[:CANDIDATES]
        beside = [palm.region for palm in palms if _apart(palm.region, hand.region)]
        read = [self._eyes.read(frame, region) for region in beside]
        others = [
            (prominence(other, self._height) - prominence(hand, self._height), other)
            for other in read
            if other.presence >= search.presence
            and _apart(region_of_landmarks(other.landmarks), hand.region)
            and self._is_one(other)
        ]
        self._company = any(more > -CLEARLY for more, _ in others)
        return next((other for more, other in others if more > CLEARLY), None)

    def _next_region(self, hand: Hand) -> Region:
        mirrored = hand.region.mirrored
        if hand.left == mirrored:
            self._other_side_s = None
        elif self._other_side_s is None:
            self._other_side_s = self._time_s
        elif self._time_s - self._other_side_s >= SIDE_S:
            self._other_side_s, mirrored = None, hand.left
            self._steady.forget()
        return self._steadied(region_of_landmarks(hand.landmarks, mirrored))

    def _steadied(self, region: Region) -> Region:
        cx, cy, side, angle, mirrored = region
        # The angle as an arrow of the region's length: it has no end where it would jump.
        taken = np.array([cx, cy, side, side * math.cos(angle), side * math.sin(angle)], np.float32)
        cx, cy, side, x, y = map(float, self._steady.smooth(taken, self._time_s, unit=side / 2))
        return Region(cx, cy, side, math.atan2(y, x), mirrored)


def _apart(one: Region, other: Region) -> bool:
    """Whether two regions show different hands: a hand is half as large as its region."""
    return math.hypot(one.cx - other.cx, one.cy - other.cy) > 0.4 * min(one.side, other.side)
