"""The stress set: what each corruption does to a drawn frame, and that it does the same every time."""

import hashlib

import cv2
import numpy as np
import pytest

from edge_asl.datasets.types import Frame, Picture
from edge_asl.evaluation.stress import CORRUPTIONS, VERSION, Stressed, corrupt
from edge_asl.evaluation.stressed import choose
from edge_asl_device.contract.preprocess import Square

HAND = Square(60, 40, 100)
BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}


def scene() -> Frame:
    """A room with a gradient, and a hand: a disk with a dark ring, in the middle of its square."""
    y, x = np.mgrid[:240, :320]
    frame = np.stack([x / 2 + 40, y / 2 + 60, (x + y) / 4 + 30], axis=2).astype(np.uint8)
    cv2.circle(frame, (110, 90), 40, (220, 180, 150), -1)
    cv2.circle(frame, (110, 90), 30, (60, 40, 30), 3)
    return frame


def stressed(name: str, picture: str = "A/1.jpg") -> Stressed:
    return corrupt(BY_NAME[name], scene(), HAND, picture)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_corruption(name: str) -> None:
    before = scene()
    found = corrupt(BY_NAME[name], before, HAND, "A/1.jpg")
    assert np.array_equal(before, scene()), "the frame that is given stays as it is"
    assert found.frame.shape == before.shape
    assert found.frame.dtype == np.uint8
    assert not np.array_equal(found.frame, before)
    again = stressed(name)
    assert np.array_equal(again.frame, found.frame), "the same every time"
    x, y, side = found.square
    assert 0 <= x <= x + side <= 320
    assert 0 <= y <= y + side <= 240


def test_what_is_random_differs_from_picture_to_picture() -> None:
    drawn = {name for name in BY_NAME if not np.array_equal(stressed(name).frame, stressed(name, "A/2.jpg").frame)}
    assert drawn == {"sensor noise", "motion blur", "occlusion"}


def test_the_noise_of_this_version_is_pinned() -> None:
    """NumPy promises the stream of its bit generators, not of its distributions: if this fails, raise the version."""
    assert VERSION == 1
    noise = stressed("sensor noise").frame.astype(int) - scene()
    assert noise.std() == pytest.approx(20, abs=1)
    assert hashlib.sha256(stressed("occlusion").frame.tobytes()).hexdigest()[:16] == "cc2f8d261c01ea7f"


def test_light() -> None:
    assert stressed("darker").frame.mean() < scene().mean() - 30
    assert stressed("lighter").frame.mean() > scene().mean() + 30
    warm, cold = (stressed(name).frame.astype(int) for name in ("warm light", "cold light"))
    assert warm[..., 0].mean() > scene()[..., 0].mean()
    assert warm[..., 2].mean() < scene()[..., 2].mean()
    assert np.array_equal(cold[..., 1], scene()[..., 1])


def test_a_tenth_of_the_hands_square_is_covered() -> None:
    for picture in range(20):
        changed = (stressed("occlusion", str(picture)).frame != scene()).any(axis=2)
        y, x = np.nonzero(changed)
        assert changed.sum() == pytest.approx(0.10 * HAND.side**2, rel=0.06)
        assert HAND.x <= x.min() <= x.max() < HAND.x + HAND.side
        assert HAND.y <= y.min() <= y.max() < HAND.y + HAND.side


def test_blur_keeps_the_light() -> None:
    for name in ("defocus", "motion blur"):
        blurred = stressed(name).frame
        assert blurred.mean() == pytest.approx(scene().mean(), abs=1)
        sharpness = [cv2.Laplacian(picture, cv2.CV_64F).var() for picture in (scene(), blurred)]
        assert sharpness[1] < sharpness[0] / 2


@pytest.mark.parametrize(("name", "side"), [("smaller", 50), ("turned left", 100), ("turned right", 100)])
def test_the_square_goes_with_the_hand(name: str, side: int) -> None:
    found = stressed(name)
    assert found.square.side == side
    hand = found.square.cut(found.frame)[side // 2 - 4 : side // 2 + 4, side // 2 - 4 : side // 2 + 4]
    assert np.abs(hand.reshape(-1, 3).mean(axis=0) - (220, 180, 150)).max() < 12, "its middle is the hand's"


def test_left_is_against_the_clock() -> None:
    bar = np.zeros((100, 100, 3), np.uint8)
    bar[10:50, 48:52] = 255  # points up
    left = corrupt(BY_NAME["turned left"], bar, Square(0, 0, 100), "x").frame
    assert np.nonzero(left[20, :, 0])[0].mean() < 45


def test_pictures_are_chosen_evenly_and_the_same_in_any_order() -> None:
    pictures = [
        Picture(f"{label}/{n}.jpg", label) for label, count in (("A", 90), ("B", 30), ("C", 5)) for n in range(count)
    ]
    chosen = choose(pictures, 45)
    assert [sum(pictures[row].label == label for row in chosen) for label in "ABC"] == [20, 20, 5]
    backwards = pictures[::-1]
    assert {backwards[row].path for row in choose(backwards, 45)} == {pictures[row].path for row in chosen}
    assert choose(pictures, 1000) == list(range(125))
