"""Augmentation: decided by the generator alone, and each setting does what its name says."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl.recipes.recipe import Augmentation, load_recipe, recipe_names
from edge_asl.training.augment import augment

NONE = Augmentation(
    mirror=0.0, rotation_deg=0.0, zoom=0.0, shift=0.0, shear=0.0, brightness=0.0, contrast=0.0, colour=0.0
)
STRONG = load_recipe("letters-mobilenet").augmentation
SIDE = 48


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    """Noise with structure: no two rows or columns alike."""
    coarse = np.random.default_rng(1).integers(0, 256, (12, 12, 3), np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def only(**settings: float) -> Augmentation:
    return msgspec.structs.replace(NONE, **settings)


def changed(picture: NDArray[np.uint8], how: Augmentation, *key: int) -> NDArray[np.uint8]:
    return augment(picture, how, np.random.default_rng(key))


def test_the_same_seed_epoch_and_row_give_the_same_picture(picture: NDArray[np.uint8]):
    np.testing.assert_array_equal(changed(picture, STRONG, 1, 2, 3), changed(picture, STRONG, 1, 2, 3))


def test_another_seed_epoch_or_row_gives_another(picture: NDArray[np.uint8]):
    seen = {changed(picture, STRONG, *key).tobytes() for key in [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]}

    assert len(seen) == 4


def test_the_original_stays_as_it_was(picture: NDArray[np.uint8]):
    before = picture.copy()
    for row in range(20):
        changed(picture, STRONG, 1, 1, row)

    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", recipe_names())
def test_shape_and_type_stay(name: str, picture: NDArray[np.uint8]):
    for row in range(10):
        result = changed(picture, load_recipe(name).augmentation, 1, 1, row)
        assert result.shape == picture.shape
        assert result.dtype == np.uint8


def test_nothing_asked_nothing_changed(picture: NDArray[np.uint8]):
    for row in range(10):
        np.testing.assert_array_equal(changed(picture, NONE, 1, 1, row), picture)


def test_mirroring_mirrors_left_and_right(picture: NDArray[np.uint8]):
    np.testing.assert_array_equal(changed(picture, only(mirror=1.0), 1, 1, 1), picture[:, ::-1])


def test_half_of_the_pictures_are_mirrored(picture: NDArray[np.uint8]):
    results = [changed(picture, only(mirror=0.5), 1, 1, row) for row in range(200)]
    mirrored = sum(np.array_equal(result, picture[:, ::-1]) for result in results)

    assert sum(np.array_equal(result, picture) for result in results) == 200 - mirrored
    assert 70 < mirrored < 130


def test_a_shift_moves_everything_alike():
    spot = np.zeros((SIDE, SIDE, 3), np.uint8)
    spot[20:28, 20:28] = 255
    centres = []
    for row in range(50):
        ys, xs = np.nonzero(changed(spot, only(shift=0.1), 1, 1, row)[:, :, 0] > 127)
        assert abs(len(ys) - 64) <= 16  # neither larger nor smaller, but for half pixels at its border
        centres.append((ys.mean() - 23.5, xs.mean() - 23.5))
    moved = np.abs(centres)

    assert moved.max() <= 0.1 * SIDE + 0.5
    assert (moved.max(axis=0) > 0.05 * SIDE).all()


def test_zoom_and_rotation_are_about_the_middle():
    spot = np.zeros((SIDE, SIDE, 3), np.uint8)
    spot[16:32, 16:32] = 255
    areas = []
    for row in range(30):
        ys, xs = np.nonzero(changed(spot, only(zoom=0.3, rotation_deg=30.0), 1, 1, row)[:, :, 0] > 127)
        assert abs(ys.mean() - 23.5) < 0.5
        assert abs(xs.mean() - 23.5) < 0.5
        areas.append(len(ys) / 256)

    assert min(areas) < 0.8
    assert max(areas) > 1.25
    assert min(areas) > 0.6**2
    assert max(areas) < 1.4**2


def test_no_border_is_a_mirror():
    """A hand at the border must not grow a second one: outside, the edge's own pixels go on."""
    edge = np.full((SIDE, SIDE, 3), 40, np.uint8)
    edge[:, 6:12] = 250  # a bright stripe near the left border, the border itself dark
    moved = 0
    for row in range(60):
        result = changed(edge, only(shift=0.3), 1, 1, row)[:, :, 0]
        for line in (result[0], result[SIDE // 2], result[-1]):
            bright = line > 145
            stripes = int(bright[0]) + int(np.sum(bright[1:] & ~bright[:-1]))
            assert stripes <= 1
            moved += stripes
    assert moved > 60


def test_brightness_and_contrast_stay_in_their_bounds():
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    means = [changed(grey, only(brightness=0.2), 1, 1, row).mean() for row in range(60)]
    assert min(means) < 128 - 0.1 * 255
    assert max(means) > 128 + 0.1 * 255
    assert max(abs(mean - 128) for mean in means) <= 0.2 * 255 + 1

    half = grey.copy()
    half[:, : SIDE // 2], half[:, SIDE // 2 :] = 78, 178
    for row in range(30):
        result = changed(half, only(contrast=0.3), 1, 1, row).astype(float)
        assert 100 * 0.7 - 2 <= result[:, -1].mean() - result[:, 0].mean() <= 100 * 1.3 + 2
        assert abs(result.mean() - 128) <= 1.5


def test_light_saturates_and_never_wraps_around():
    ramp = np.repeat(np.linspace(0, 255, SIDE).astype(np.uint8)[None, :, None], SIDE, axis=0).repeat(3, axis=2)
    how = only(brightness=0.5, contrast=0.5, colour=0.3, gamma=0.5)
    for row in range(60):
        result = changed(ramp, how, 1, 1, row).astype(int)
        assert (np.diff(result, axis=1) >= 0).all()


def test_grey_pictures_have_no_colour(picture: NDArray[np.uint8]):
    result = changed(picture, only(grey=1.0), 1, 1, 1)

    assert (np.ptp(result.astype(int), axis=2) == 0).all()
    assert np.ptp(picture.astype(int), axis=2).max() > 50


def test_blur_takes_detail_away(picture: NDArray[np.uint8]):
    def detail(found: NDArray[np.uint8]) -> float:
        return float(np.abs(np.diff(found.astype(float), axis=1)).mean())

    assert all(detail(changed(picture, only(blur=1.0), 1, 1, row)) < detail(picture) for row in range(20))


def test_noise_is_as_strong_as_said():
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    spreads = [changed(grey, only(noise=10.0), 1, 1, row).std() for row in range(40)]

    assert max(spreads) < 10.5
    assert max(spreads) > 7
    assert min(spreads) < 3


def test_an_erased_rectangle_is_one_colour_and_smaller_than_a_third(picture: NDArray[np.uint8]):
    for row in range(20):
        result = changed(picture, only(erase=1.0), 1, 1, row)
        ys, xs = np.nonzero((result != picture).any(axis=2))
        patch = result[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert len(np.unique(patch.reshape(-1, 3), axis=0)) == 1
        assert max(patch.shape[:2]) <= SIDE // 3


def test_a_shadow_darkens_one_side_and_brightens_nothing():
    grey = np.full((SIDE, SIDE, 3), 200, np.uint8)
    darkest = []
    for row in range(40):
        result = changed(grey, only(shadow=1.0), 1, 1, row)
        assert result.max() <= 200
        assert (np.ptp(result.astype(int), axis=2) <= 1).all()  # light, not colour
        darkest.append(result.min() / 200)

    assert 0.28 < min(darkest) < 0.5
    assert sum(dark < 0.85 for dark in darkest) > 30
