"""``edge-asl-device capture`` with a model that follows the hand, in real time: with tflite-runtime, which has no quick
kernels for the hand stage, a busy computer would see a frame a second, and the hand never still.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_asl_device.contract.pictures import read_picture
from edge_asl_device.inference.recogniser import Recogniser
from program import Program

LETTERS = Path(__file__).parents[2] / "models" / "letters"


@pytest.mark.skipif("EDGE_ASL_DATA" not in os.environ, reason="EDGE_ASL_DATA names the folder of films")
def test_a_followed_hand_is_stored_while_it_is_held(tmp_path: Path):
    """The film shows somebody at rest, then B, then at rest."""
    film = Path(os.environ["EDGE_ASL_DATA"]) / "videos" / "B.mp4"
    quick = ["--labels", "B", "--count", 3, "--every", "0.1", "--ready", "0.1"]
    with Program("capture", LETTERS, tmp_path, "--source", film, "--loop", "--person", "anna", *quick) as program:
        page = program.wait_until_ready().listen()
        assert program.process.wait(150) == 0
    phases = list(dict.fromkeys(state["capture"]["phase"] for state in page.states if state["capture"]))
    assert phases[0] in ("no-hand", "moving", "get-ready")
    assert {"moving", "storing", "done"} <= set(phases)
    with Recogniser.open(LETTERS) as recogniser:
        seen = [recogniser.classify(read_picture(path))[0].label for path in tmp_path.rglob("*.jpg")]
    assert seen.count("B") >= 2, seen
