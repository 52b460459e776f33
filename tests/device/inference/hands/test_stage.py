"""Looking for a hand and reading it: on hands by script, on numbers by script, and with the models that ship."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import DrawnEyes, hand_at

from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import LANDMARKS, PALMS
from edge_asl_device.contract.pictures import read_picture
from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.hands.palms import View
from edge_asl_device.inference.hands.region import Region, region_of_landmarks
from edge_asl_device.inference.hands.stage import (
    SEARCHES,
    HandStage,
    look,
    pixel_quantizer,
    real,
    whole_hand,
)

ROOT = Path(__file__).resolve().parents[4]
FRAME = np.zeros((480, 640, 3), np.uint8)
GOLDEN = json.loads((ROOT / "tests" / "data" / "hands" / "mediapipe.json").read_text())


def test_a_hand_is_read_twice_the_second_time_from_its_own_landmarks_and_a_left_one_mirrored():
    eyes = DrawnEyes(hand_at(300, 200, 100), left=True)
    found = look(eyes, FRAME)
    assert [region.mirrored for region in eyes.read_regions] == [False, True]
    assert found.region == eyes.read_regions[1]


def test_of_two_hands_the_raised_larger_one():
    resting, raised = hand_at(150, 400, 70), hand_at(450, 150, 110)
    np.testing.assert_array_equal(look(DrawnEyes(resting, raised), FRAME).landmarks, raised)
    np.testing.assert_array_equal(look(DrawnEyes(raised, resting), FRAME).landmarks, raised)


def test_a_fingertip_that_passes_for_a_hand_gives_way_to_the_hand_that_it_is_part_of():
    fingertip, whole = hand_at(300, 150, 40), hand_at(300, 200, 130)
    eyes = Unsure(fingertip)
    eyes.presence = 0.9
    assert np.array_equal(whole_hand(eyes, FRAME, look(eyes, FRAME)).landmarks, fingertip), "nothing else is there"
    found = look(eyes, FRAME)
    eyes.hands = (fingertip, whole)
    assert np.array_equal(whole_hand(eyes, FRAME, found).landmarks, whole)
    eyes.presence = 0.7
    assert np.array_equal(whole_hand(eyes, FRAME, found).landmarks, fingertip), "the larger one must be surely there"


def test_a_small_hand_before_another_persons_is_left_as_it_is():
    eyes = DrawnEyes(hand_at(300, 150, 60), hand_at(480, 200, 130))
    small = eyes.read(FRAME, region_of_landmarks(eyes.hands[0]))
    assert np.array_equal(whole_hand(eyes, FRAME, small).landmarks, eyes.hands[0])


def test_around_a_hand_of_some_size_nothing_is_looked_for():
    eyes = DrawnEyes(hand_at(300, 200, 160))
    found = look(eyes, FRAME)
    looks = len(eyes.views)
    assert whole_hand(eyes, FRAME, found) is found
    assert len(eyes.views) == looks


class Unsure(DrawnEyes):
    """Sees every palm with little confidence, every hand with less presence."""

    score, presence = 0.9, 0.9

    def palms(self, frame, view, lowest):
        return [palm._replace(score=self.score) for palm in super().palms(frame, view, lowest)]

    def read(self, frame, region):
        found = super().read(frame, region)
        return found._replace(presence=min(found.presence, self.presence))


def test_the_odder_the_view_the_surer_a_hand_must_be():
    eyes = Unsure(hand_at(300, 200, 100))
    eyes.presence = 0.6
    assert [look(eyes, FRAME, search) is not None for search in SEARCHES] == [*[True] * 4, *[False] * 5]
    eyes.presence = 0.4
    assert look(eyes, FRAME) is None


def test_a_doubtful_palm_is_read_only_where_no_sure_one_shows_a_hand():
    eyes = Unsure(hand_at(300, 200, 100))
    eyes.score = 0.2
    assert look(eyes, FRAME) is not None


class Script:
    """An engine that gives the same real numbers whatever it is shown, in steps of its tensors' scales."""

    def __init__(self, side: int, *outputs: np.ndarray, scale: float = 0.01) -> None:
        picture = Tensor((1, side, side, 3), 1 / 255, -128)
        scales = [np.abs(output).max() / 127 if np.abs(output).max() > 1 else scale for output in outputs]
        tensors = tuple(Tensor(output.shape, float(s), 0) for output, s in zip(outputs, scales, strict=True))
        self.spec = ModelSpec(Path("script"), (picture,), tensors)
        self.outputs = tuple(np.rint(o / s).astype(np.int8) for o, s in zip(outputs, scales, strict=True))
        self.shown: list[np.ndarray] = []

    def invoke(self, *tensors: np.ndarray) -> tuple[np.ndarray, ...]:
        self.shown += tensors
        return self.outputs


def palm_script(case: dict | None = None) -> Script:
    boxes, logits = np.zeros((1, 2016, 18), np.float32), np.full((1, 2016, 1), -9, np.float32)
    if case is not None:
        boxes[0, case["places"]], logits[0, case["places"], 0] = case["boxes"], case["logits"]
    return Script(192, boxes, logits)


def landmark_script(presence: float, handedness: float = 0.9) -> Script:
    points = np.stack([np.linspace(60, 160, 21), np.linspace(180, 40, 21)], axis=1).reshape(1, 42)
    return Script(224, points, np.array([[presence]]), np.array([[handedness]]), np.full((1, 1152), 0.5))


@pytest.mark.parametrize("case", GOLDEN["palms"])
def test_palms_out_of_int8_tensors_are_mediapipes_but_for_their_steps(case: dict):
    found = HandStage(palm_script(case), landmark_script(0.9)).palms(np.zeros((192, 192, 3), np.uint8), View(), 0.5)
    assert len(found) == len(case["expected"])
    for palm, expected in zip(found, case["expected"], strict=True):
        left, top, right, bottom = expected["box"]
        assert palm.score == pytest.approx(expected["score"], abs=0.02)
        assert palm.region.side == pytest.approx(2.6 * max(right - left, bottom - top), rel=0.1)
        assert math.hypot(palm.region.cx - (left + right) / 2, palm.region.cy - (top + bottom) / 2) < palm.region.side


def test_a_reading_is_in_the_frames_pixels_and_says_which_hand_it_is():
    frame = np.zeros((480, 640, 3), np.uint8)
    engine = landmark_script(0.8, handedness=0.9)
    stage = HandStage(palm_script(), engine)

    upright = stage.read(frame, Region(300, 200, 224, 0.0))
    mirrored = stage.read(frame, Region(300, 200, 224, 0.0, mirrored=True))

    np.testing.assert_allclose(upright.landmarks[0], (300 - 112 + 60, 200 - 112 + 180), atol=1)
    np.testing.assert_allclose(mirrored.landmarks[0], (300 + 112 - 60, 200 - 112 + 180), atol=1)
    assert upright.presence == pytest.approx(0.8, abs=0.01)
    assert (upright.left, mirrored.left) == (False, True)
    assert upright.pooled.shape == (1152,)
    assert upright.pooled.dtype == upright.landmarks.dtype == np.float32


def test_a_small_picture_is_a_cut_out_hand_and_read_as_a_whole():
    stage = HandStage(palm_script(), landmark_script(0.9))
    found = stage.find(np.zeros((100, 100, 3), np.uint8))
    assert found is not None
    assert stage.find(FRAME) is None
    assert HandStage(palm_script(), landmark_script(0.3)).find(np.zeros((100, 100, 3), np.uint8)) is None


def test_a_frame_without_a_hand_is_looked_at_in_every_way():
    engine = palm_script()
    assert HandStage(engine, landmark_script(0.9)).find(FRAME) is None
    assert len(engine.shown) == len(SEARCHES)


@pytest.mark.parametrize("scale", [1 / 255, 0.9 / 255, 1.1 / 255])
def test_pixels_are_what_the_input_tensor_makes_of_them(scale: float):
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    tensor = pixel_quantizer(Tensor((1, 16, 16, 3), scale, -128))(picture)
    assert (tensor.dtype, tensor.shape) == (np.int8, (1, 16, 16, 3))
    meant = (tensor[0, :, :, 0].ravel() + 128.0) * scale
    np.testing.assert_allclose(meant, np.minimum(np.arange(256) / 255, 255 * scale), atol=scale / 2 + 1e-6)


def test_numbers_are_what_the_output_tensor_makes_of_them():
    np.testing.assert_allclose(real(np.array([-128, 0, 127], np.int8), Tensor((3,), 0.5, -28)), [-50, 14, 77.5])


@pytest.fixture(scope="module")
def shipped() -> HandStage:
    """The hand stage of the letters that ship."""
    folder = ROOT / "models" / "letters"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    bundle = read_bundle(folder)
    engines = [TfliteEngine(bundle.spec(name), bundle.content(bundle.models[name].file)) for name in (PALMS, LANDMARKS)]
    return HandStage(*engines)


def test_the_drawn_hand_of_l_is_found_where_it_is_drawn(shipped: HandStage):
    sign = ROOT / "device" / "edge_asl_device" / "web" / "static" / "signs" / "L.webp"
    drawn = cv2.imread(str(sign), cv2.IMREAD_UNCHANGED).astype(float)
    frame = np.full((360, 480, 3), 160, np.uint8)
    alpha = drawn[:, :, 3:] / 255
    frame[100:292, 150:342] = (drawn[:, :, 2::-1] * alpha + 160 * (1 - alpha)).astype(np.uint8)

    found = shipped.find(frame)

    assert found is not None
    assert (found.landmarks.min(axis=0) > (140, 90)).all()
    assert (found.landmarks.max(axis=0) < (352, 302)).all()
    assert found.landmarks[8, 1] < found.landmarks[12, 1] < found.landmarks[0, 1]  # index up, others folded, wrist down


def test_hands_in_photographs_are_found_and_empty_ones_are_not(shipped: HandStage, photographs: Path):
    people = sorted((photographs / "stranger").glob("[A-Z]/*.jpg"))[::40]
    missed = [path for path in people if shipped.find(read_picture(path)) is None]
    # A few: without a hand every search is made, and the oldest runtime takes half a second for each on a workstation.
    names = (photographs / "letters" / "hand-free.txt").read_text().split()[::4]
    empty = [photographs / "letters" / "Nothing" / name for name in names]
    wrongly = {path.name for path in empty if shipped.find(read_picture(path)) is not None}
    assert (len(people), missed) == (13, [])
    assert len(empty) >= 8
    assert wrongly <= {"Nothingc2.jpg"}, "that one may show a hand"
