"""The synthetic signer's landmarks: they lie where the hand is drawn, and what is read of their movement."""

from __future__ import annotations

import numpy as np
import pytest

from edge_asl.datasets.synthetic.film import film_frames, film_landmarks
from edge_asl.datasets.synthetic.pictures import LETTERS
from edge_asl_device.text.moving_letters import MovingLetters
from edge_asl_device.text.track import Track

FPS = 30
# A film of 60 letters a minute, read as if it were played faster or slower.
FAST, SLOW = 0.6, 1.8
# Hands as they are drawn, mirrored, turned, near and far.
SEEN = [(1, 0, 1.0), (-1, 15, 0.2), (1, -15, 3.0), (-1, -15, 1.0)]


def drawn(text: str, seed: int, *, pace: float = 1.0, fps: int = FPS, letters_per_minute: float = 60) -> str:
    """The letters that are noticed in a film, with landmarks a hundredth of a palm off."""
    rng = np.random.default_rng(seed)
    side, turn, scale = SEEN[seed % len(SEEN)]
    angle = np.radians(turn)
    turned = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))]) * scale
    track, letters, found = Track(), MovingLetters(), ""
    film = film_landmarks(text, seed=seed, fps=round(fps * pace), size=(64, 64), letters_per_minute=letters_per_minute)
    for number, points in enumerate(film):
        if points is not None:
            noise = rng.normal(0, 0.01 * np.linalg.norm(points[9] - points[0]), points.shape)
            points = ((points + noise) @ turned * (side, 1)).astype(np.float32)
        if track.add(number / round(fps * pace) * pace, points) and (letter := letters.drawn(track)):
            found += letter.letter
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pace", [FAST, 1.0, SLOW])
@pytest.mark.parametrize(("text", "letter"), [("IJ", "J"), ("JAM", "J"), ("DZ", "Z")])
def test_j_and_z_are_noticed(text: str, letter: str, pace: float, seed: int) -> None:
    assert drawn(text, seed, pace=pace) == letter


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("letter", sorted(LETTERS))
def test_nothing_is_drawn_on_the_way_from_letter_to_letter(letter: str, seed: int) -> None:
    """Every letter before and after every other, once in four films of each."""
    others = sorted(set(LETTERS) - {letter})[seed::4]
    text = letter.join(["", *others, ""])
    assert drawn(text, seed, letters_per_minute=100) == ""


def test_landmarks_lie_on_the_drawn_hand() -> None:
    """Where the hand is, the picture differs from the empty room; fingertips stick out, so they lie inside, too."""
    for seed in range(3):
        frames = list(film_frames("B", seed=seed, fps=5, size=(160, 120)))
        points = list(film_landmarks("B", seed=seed, fps=5, size=(160, 120)))
        assert len(frames) == len(points)
        assert points[0] is None
        held = len(frames) // 2
        place = points[held]
        assert place is not None
        changed = np.abs(frames[held].astype(int) - frames[0]).max(axis=2) > 25
        inside = [changed[round(float(y)), round(float(x))] for x, y in place if 0 <= x < 159 and 0 <= y < 119]
        assert len(inside) >= 15
        assert np.mean(inside) > 0.8
