"""The whole step on photographs, with the models as Google published them: fetched, quantized, compared, cached."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest

from edge_asl.hands.report import HandsRequest, format_report, make_hands
from edge_asl.progress import Quiet

DATA = os.environ.get("EDGE_ASL_DATA")


class Said(Quiet):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.skipif(DATA is None, reason="needs photographs of hands: set EDGE_ASL_DATA")
def test_hands_on_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The wheel (35 MB) comes from the package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sheet, said = tmp_path / "hands.jpg", Said()
    request = HandsRequest([Path(DATA or "", "people", "minhquyen")], pictures=16, picture=sheet)

    report = make_hands(request, said)

    found = report.comparison
    assert found.pictures == 16
    assert found.found_float >= 15
    assert found.missed <= 1
    assert found.error < 0.05
    assert report.models[1].minimum_runtime == "1.14.0"
    assert said.lines[0].startswith("hand models: made once")
    assert said.lines[1].startswith("hands: downloading mediapipe==0.10.14")
    assert cv2.imread(str(sheet)).shape[1] == 8 * 224
    assert "in 19 of 20" in format_report(report)

    again = Said()
    assert make_hands(request._replace(picture=None), again).digest == report.digest
    assert again.lines == []
