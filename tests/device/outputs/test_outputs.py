"""Outputs: what each is told, and a new one in one file and one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import edge_asl_device.outputs
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.outputs import OUTPUTS, open_outputs
from edge_asl_device.outputs.output import Context
from edge_asl_device.text.transcriber import State

BRAILLE = """
from edge_asl_device.outputs.output import Context, Letter, Output

class Braille(Output):
    def __init__(self, setting: str, context: Context) -> None:
        self._line = open(setting, "w")

    def letter(self, letter: Letter) -> None:
        print("letter", letter.label, letter.time_s, file=self._line)

    def word(self, word: str) -> None:
        print("word", word, file=self._line)

    def text(self, text: str) -> None:
        print("text", repr(text), file=self._line)

    def __exit__(self, *_: object) -> None:
        self._line.close()
"""


def state(text: str, accepted: str | None = None) -> State:
    return State(accepted, 0.9, 1.0, accepted, text)


def test_a_new_output_is_one_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "braille.py").write_text(BRAILLE)
    monkeypatch.setattr(edge_asl_device.outputs, "__path__", [*edge_asl_device.outputs.__path__, str(tmp_path)])
    monkeypatch.setitem(OUTPUTS, "braille", ("braille:Braille", "shows letters on a Braille line"))
    try:
        with open_outputs([f"braille:{tmp_path}/line"], Context()) as outputs:
            outputs.read(10.0, "", state(""))
            outputs.text("")
            outputs.read(12.5, "", state("A", "A"))
            outputs.text("A")
            outputs.text("A")
            outputs.read(14.0, "A", state("A "))
            outputs.text("A ")
            outputs.press("speak", {}, "A ")
            assert outputs.state == "absent", "there is no voice"
            outputs.text("")
    finally:
        sys.modules.pop("edge_asl_device.outputs.braille", None)
    assert (tmp_path / "line").read_text().splitlines() == [
        "letter A 2.5",
        "text 'A'",
        "word A",
        "text 'A '",
        "text ''",
    ]


@pytest.mark.parametrize(
    ("as_json", "wanted"),
    [
        (False, "   0.00 s  J        0.90  HAJ  instead of I"),
        (True, {"label": "J", "probability": 0.9, "time_s": 0.0, "text": "HAJ", "replaces": "I"}),
    ],
)
def test_a_letter_that_takes_the_place_of_another_says_so(
    capsys: pytest.CaptureFixture[str], as_json: bool, wanted: object
):
    with open_outputs(["lines"], Context(as_json=as_json)) as outputs:
        outputs.read(1.0, "HAI", state("HAJ", "J")._replace(replaced="I"))
    line = capsys.readouterr().out.splitlines()[0]
    assert (json.loads(line) if as_json else line) == wanted


@pytest.mark.parametrize(
    ("as_json", "wanted"),
    [
        (False, ["   1.50 s  A        0.90  A", "text: A"]),
        (True, [{"label": "A", "probability": 0.9, "time_s": 1.5, "text": "A"}, {"text": "A"}]),
    ],
)
def test_lines(capsys: pytest.CaptureFixture[str], as_json: bool, wanted: list[object]):
    with open_outputs(["lines"], Context(as_json=as_json)) as outputs:
        outputs.read(1.0, "", state(""))
        outputs.read(2.5, "", state("A", "A"))
        outputs.text("A ")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == wanted if as_json else lines == wanted


def test_a_setting_that_an_output_does_not_know():
    with (
        pytest.raises(EdgeAslError, match="--output lines:loud: 'lines' takes no setting"),
        open_outputs(["lines:loud"], Context()),
    ):
        raise AssertionError
