"""Streams of probabilities in, text out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.transcriber import Transcriber, written

DATA = Path(__file__).parents[1] / "data"

LABELS = ("A", "B", "L", "del", "nothing", "space")
STREAMS = sorted((DATA / "streams").glob("*.json"))


def spelled(stream: list[tuple[str | None, float, float]], fps: float = 30) -> str:
    """Feed (label, probability, seconds) stretches; a stretch of None has every label at the same height."""
    transcriber = Transcriber(LABELS, Decoder())
    time_s = 0.0
    for label, probability, seconds in stream:
        for _ in range(round(seconds * fps)):
            rest = (1 - probability) / (len(LABELS) - 1)
            values = np.full(len(LABELS), 1 / len(LABELS) if label is None else rest, np.float32)
            if label is not None:
                values[LABELS.index(label)] = probability
            transcriber.feed(time_s, values)
            time_s += 1 / fps
    return transcriber.text


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
@pytest.mark.parametrize("fps", [10, 30])
def test_streams(path: Path, fps: float) -> None:
    case = json.loads(path.read_text())
    assert spelled([tuple(part) for part in case["stream"]], fps) == case["text"], case["why"]


def test_flicker_writes_nothing() -> None:
    rng = np.random.default_rng(0)
    transcriber = Transcriber(LABELS, Decoder())
    for frame in range(3000):
        values = np.full(len(LABELS), 0.02, np.float32)
        values[rng.integers(3)] = 0.9
        transcriber.feed(frame / 30, values)
    assert transcriber.text.strip() == ""


def test_a_clock_that_stands_still_or_goes_back_does_no_harm() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    values = np.array([0.95, 0.01, 0.01, 0.01, 0.01, 0.01], np.float32)
    for time_s in (5.0, 5.0, 4.0, 5.2, 5.6, 5.9):
        transcriber.feed(time_s, values)
    assert transcriber.text in ("A", "")


def test_held_grows_to_one() -> None:
    transcriber = Transcriber(LABELS, Decoder(hold_s=0.5))
    values = np.array([0.95, 0.01, 0.01, 0.01, 0.01, 0.01], np.float32)
    held = [transcriber.feed(i / 30, values).held for i in range(30)]
    assert held == sorted(held)
    assert (held[0], held[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "label", "after"),
    [
        ("", "space", ""),
        ("A", "space", "A "),
        ("A ", "space", "A "),
        ("AB", "del", "A"),
        ("", "del", ""),
        ("A", "nothing", "A"),
    ],
)
def test_written(text: str, label: str, after: str) -> None:
    assert written(text, label) == after
