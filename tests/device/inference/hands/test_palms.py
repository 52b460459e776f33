"""What the palm model is shown and what its numbers mean, against MediaPipe's own answers (tests/data/hands)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_asl_device.inference.hands.palms import (
    SIZE,
    Palms,
    View,
    anchors,
    decode,
    look_at,
    overlap,
    regions,
    score_limit,
    suppress,
)

GOLDEN = json.loads((Path(__file__).parents[3] / "data" / "hands" / "mediapipe.json").read_text())


def decoded(case: dict[str, Any], threshold: float = 0.5) -> Palms:
    logits = np.array(case["logits"], np.float32)
    above = logits >= score_limit(threshold)
    return decode(np.array(case["boxes"], np.float32)[above], logits[above], np.array(case["places"])[above])


@pytest.mark.parametrize("case", GOLDEN["palms"])
def test_palms_are_mediapipes(case: dict[str, Any]):
    found = suppress(decoded(case))

    assert len(found.scores) == len(case["expected"])
    for score, box, points, expected in zip(*found, case["expected"], strict=True):
        assert score == pytest.approx(expected["score"], abs=1e-3)
        np.testing.assert_allclose(box, expected["box"], atol=0.02)
        np.testing.assert_allclose(points, expected["points"], atol=0.02)


def test_some_golden_pictures_hold_two_palms_seen_by_many_anchors():
    counts = [(len(decoded(case).scores), len(case["expected"])) for case in GOLDEN["palms"]]
    assert max(expected for _, expected in counts) == 2
    assert all(seen > expected for seen, expected in counts)


def test_there_are_2016_anchors_inside_the_picture_on_two_grids():
    found = anchors()
    assert found.shape == (2016, 2)
    np.testing.assert_array_equal(found[:3], [[4, 4], [4, 4], [12, 4]])
    np.testing.assert_array_equal(found[1152:1159], [[8, 8]] * 6 + [[24, 8]])
    assert found.min() == 4
    assert found.max() == SIZE - 4


def test_no_palm_is_no_palm():
    nothing = decode(np.zeros((0, 18), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp))
    assert len(suppress(nothing).scores) == 0
    assert regions(suppress(nothing), View(), 480, 640) == []


def test_overlap_of_boxes_also_of_empty_ones():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0, 0], atol=1e-6)
    assert overlap(boxes[3], boxes[3:])[0] == 0


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (100, 100), (33, 400)])
@pytest.mark.parametrize(
    "view", [View(), View(0.5), View(1.0, math.pi), View(0.7, math.pi / 2), View(1.0, -0.4), View(1.7, 0.2, 0.3, 0.7)]
)
def test_what_is_seen_through_a_view_is_found_where_it_is(view: View, size: tuple[int, int]):
    """A palm box around a point of the picture comes back around that point of the frame, with its turn undone."""
    height, width = size
    centre, up = np.array([0.4 * width, 0.55 * height]), np.array([math.sin(0.3), -math.cos(0.3)])
    palm = 0.1 * min(size)
    matrix = view.to_picture(height, width)
    wrist, knuckle, middle = (
        matrix[:, :2] @ p + matrix[:, 2] for p in (centre - up * palm, centre + up * palm, centre)
    )
    half = palm * view.zoom * SIZE / max(size)
    points = np.zeros((1, 7, 2), np.float32)
    points[0, 0], points[0, 2] = wrist, knuckle
    box = np.concatenate([middle - half, middle + half]).astype(np.float32)[None]

    (region,) = regions(Palms(np.ones(1, np.float32), box, points), view, height, width)

    assert region.angle == pytest.approx(0.3, abs=1e-3)
    assert region.side == pytest.approx(2.6 * 2 * palm, rel=1e-3)
    np.testing.assert_allclose((region.cx, region.cy), centre + up * palm, atol=0.05)


def test_the_whole_frame_is_looked_at_with_black_around():
    picture = look_at(np.full((480, 640, 3), 200, np.uint8), View())
    assert picture.shape == (SIZE, SIZE, 3)
    assert (picture[:22] == 0).all()
    assert (picture[26:166] == 200).all()
    assert (picture[170:] == 0).all()


def test_a_picture_smaller_than_the_input_is_enlarged():
    assert (look_at(np.full((100, 100, 3), 200, np.uint8), View())[1:-2, 1:-2] == 200).all()


def test_a_half_turn_shows_the_frame_upside_down():
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:32, :32] = 255
    turned = look_at(frame, View(1.0, math.pi))
    assert turned[144, 144, 0] == 255
    assert turned[48, 48, 0] == 0
