"""Writes mediapipe.json: what MediaPipe itself answers on drawn hands, step by step. Numbers only.

In an environment of its own, for MediaPipe's protobuf and OpenCV go with nothing else:

    python3.11 -m venv golden
    golden/bin/pip install mediapipe==0.10.14 ai-edge-litert==2.3.0
    golden/bin/python tests/data/hands/make_golden.py

The hands are those that the page shows beside the camera. MediaPipe does not tell the palm model's raw numbers; they
are computed here from a picture of 192 × 192 pixels, which MediaPipe takes as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import mediapipe
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from mediapipe.python.solution_base import SolutionBase

HERE = Path(__file__).resolve().parent
SIGNS = HERE.parents[2] / "device" / "edge_asl_device" / "web" / "static" / "signs"
MODULES = Path(mediapipe.__file__).parent / "modules"
GRAPH = "mediapipe/modules/hand_landmark/hand_landmark_tracking_cpu.binarypb"
WALL = (170, 160, 150)
DRAWN = ("L", "Y", "D", "H", "P", "W", "5", "A")
SIZES = ((480, 640), (640, 480), (720, 1280), (300, 300))
LOWEST_LOGIT = -2.0
CROP = 224
OUTPUTS = (
    "palm_detections",
    "hand_rects_from_palm_detections",
    "handlandmarkcpu__scaled_landmarks",
    "multi_hand_landmarks",
    "hand_rects_from_landmarks",
)


def main() -> None:
    rng = np.random.default_rng(9)
    hands = MediaPipe()
    frames = [placed(sign, rng, SIZES[i % len(SIZES)]) for i, sign in enumerate(DRAWN)]
    pairs = [frames[0], np.hstack([frames[1], frames[5][:640, :480]]), np.hstack([frames[3], frames[7]])]
    golden = {
        "palms": [palms(hands, cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA)) for frame in pairs],
        "hands": [found for frame in frames if (found := hand(hands, frame))],
    }
    (HERE / "mediapipe.json").write_text(json.dumps(rounded(golden), indent=None, separators=(",", ":")) + "\n")
    print([len(case["expected"]) for case in golden["palms"]], len(golden["hands"]))  # noqa: T201


class MediaPipe:
    """Its own graph, each picture by itself, with the streams inside it."""

    def __init__(self) -> None:
        self._solution = SolutionBase(
            binary_graph_path=GRAPH,
            side_inputs={"model_complexity": 1, "num_hands": 2, "use_prev_landmarks": False},
            outputs=list(OUTPUTS),
        )

    def __call__(self, frame: np.ndarray) -> object:
        self._solution.reset()
        return self._solution.process({"image": frame})


def placed(sign: str, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A drawn hand somewhere on a plain wall, turned a little: RGB uint8 (*size, 3)."""
    drawn = cv2.cvtColor(cv2.imread(str(SIGNS / f"{sign}.webp"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    height, width = size
    scale = rng.uniform(0.45, 0.65) * min(size) / 192
    turn = cv2.getRotationMatrix2D((96, 96), rng.uniform(-35, 35), scale)
    turn[:, 2] += np.array([width, height]) * rng.uniform(0.4, 0.6, 2) - 96
    hand = cv2.warpAffine(drawn, turn, (width, height)).astype(np.float64)
    alpha = hand[:, :, 3:] / 255
    return (hand[:, :, :3] * alpha + np.array(WALL) * (1 - alpha)).astype(np.uint8)


def palms(hands: MediaPipe, picture: np.ndarray) -> dict[str, object]:
    model = Interpreter(str(MODULES / "palm_detection" / "palm_detection_full.tflite"), num_threads=1)
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], picture[None].astype(np.float32) / 255)
    model.invoke()
    boxes, logits = (model.get_tensor(output["index"])[0] for output in model.get_output_details())
    places = np.flatnonzero(logits[:, 0] > LOWEST_LOGIT)
    return {
        "places": places,
        "logits": logits[places, 0],
        "boxes": boxes[places],
        "expected": [detection(found, 192, 192) for found in hands(picture).palm_detections or ()],
    }


def hand(hands: MediaPipe, frame: np.ndarray) -> dict[str, object] | None:
    found = hands(frame)
    height, width = frame.shape[:2]
    if not found.multi_hand_landmarks or len(found.palm_detections) != 1:
        return None
    return {
        "height": height,
        "width": width,
        "palm": detection(found.palm_detections[0], height, width),
        "region_of_palm": region(found.hand_rects_from_palm_detections[0], height, width),
        "crop": points(found.handlandmarkcpu__scaled_landmarks.landmark, CROP, CROP),
        "landmarks": points(found.multi_hand_landmarks[0].landmark, height, width),
        "region_of_landmarks": region(found.hand_rects_from_landmarks[0], height, width),
    }


def detection(found: object, height: int, width: int) -> dict[str, object]:
    where = found.location_data
    box = where.relative_bounding_box
    left, top = box.xmin * width, box.ymin * height
    return {
        "score": found.score[0],
        "box": [left, top, left + box.width * width, top + box.height * height],
        "points": points(where.relative_keypoints, height, width),
    }


def region(found: object, height: int, width: int) -> list[float]:
    """Centre x, y, side, angle; its two sides are equal in pixels."""
    return [found.x_center * width, found.y_center * height, found.width * width, found.rotation]


def points(found: object, height: int, width: int) -> list[list[float]]:
    return [[point.x * width, point.y * height] for point in found]


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | np.ndarray):
        return [rounded(inner) for inner in value]
    return round(float(value), 4) if isinstance(value, float | np.floating) else int(value)


if __name__ == "__main__":
    main()
