"""The handshapes of the page: what the signer draws now, small enough for a device."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SIGNS = ROOT / "device" / "edge_asl_device" / "web" / "static" / "signs"
ALL = {*"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "space", "del"}

sys.path.insert(0, str(ROOT / "docs"))

import draw_signs  # noqa: E402 - a script beside what it makes, not a package


def test_there_is_one_small_picture_of_each_sign():
    files = {path.stem: path.stat().st_size for path in SIGNS.iterdir()}
    assert set(files) == ALL
    assert max(files.values()) < 6_000


@pytest.mark.parametrize("sign", ["A", "J", "Z", "5", "del"])
def test_the_pictures_are_what_the_signer_draws(sign: str):
    kept = cv2.cvtColor(cv2.imread(str(SIGNS / f"{sign}.webp"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    drawn = draw_signs.draw(sign)
    assert kept.shape == drawn.shape == (192, 192, 4)
    # WebP loses a little; what is covered by nothing has no colour to compare.
    covered = drawn[:, :, 3] > 128
    assert 0.05 < covered.mean() < 0.6
    assert np.abs(kept[:, :, 3].astype(int) - drawn[:, :, 3]).mean() < 2
    assert np.abs(kept[covered].astype(int) - drawn[covered]).mean() < 6
