"""Streams of probabilities in, text out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.text.buffer import LONGEST, TextBuffer, written
from edge_asl_device.text.double_letters import DoubleLetter
from edge_asl_device.text.transcriber import State, Transcriber

DATA = Path(__file__).parents[2] / "data"

LABELS = ("A", "B", "L", "del", "nothing", "space")
STREAMS = sorted((DATA / "streams").glob("*.json"))


Part = tuple[str | None, float, float] | tuple[str | None, float, float, float]


def fed(transcriber: Transcriber, stream: list[Part], fps: float = 30) -> list[State]:
    """Feed (label, probability, seconds, sideways travel) stretches: None has every label at the same height, ``gap``
    feeds nothing for so long.
    """
    states, start_s, place = [], 0.0, 0.0
    for label, probability, seconds, *travel in stream:
        slid = travel[0] if travel else 0.0
        frames = 0 if label == "gap" else round(seconds * fps)
        for frame in range(frames):
            rest = (1 - probability) / (len(LABELS) - 1)
            values = np.full(len(LABELS), 1 / len(LABELS) if label is None else rest, np.float32)
            if label is not None:
                values[LABELS.index(label)] = probability
            share = (frame + 1) / frames
            states.append(transcriber.feed(start_s + frame / fps, values, place + slid * share))
        start_s += frames / fps if frames else seconds
        place += slid
    return states


def spelled(stream: list[Part], fps: float = 30) -> str:
    """What the stream becomes."""
    transcriber = Transcriber(LABELS, Decoder())
    fed(transcriber, stream, fps)
    return transcriber.text


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
@pytest.mark.parametrize("fps", [10, 15, 30, 60])
def test_streams(path: Path, fps: float) -> None:
    case = json.loads(path.read_text())
    assert spelled([tuple(part) for part in case["stream"]], fps) == case["text"], case["why"]


ACCEPT = Decoder().accept_probability
SIGNS = st.sampled_from(["A", "B", "L", "nothing"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(SIGNS, st.floats(ACCEPT, 1.0), st.floats(0.0, 1.0)), max_size=60),
    st.sampled_from([10, 15, 30, 60]),
)
def test_what_never_leads_for_long_enough_is_never_written(runs: list[tuple[str, float, float]], fps: float) -> None:
    """Random leaders, each surely in front but for less than the holding time, however they follow each other."""
    most = int(Decoder().hold_s * fps)
    apart = [next(same) for _, same in itertools.groupby(runs, key=lambda run: run[0])]
    assert spelled([(label, sure, max(1, round(share * most)) / fps) for label, sure, share in apart], fps) == ""


@settings(deadline=None)
@given(st.lists(st.tuples(SIGNS, st.floats(0.0, ACCEPT - 0.01), st.floats(0.01, 2.0)), max_size=40))
def test_what_is_never_probable_enough_is_never_written(runs: list[Part]) -> None:
    assert spelled(runs).strip() == ""


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(LABELS), st.floats(0.0, 1.0), st.floats(0.0, 1.5), st.floats(-0.3, 0.3)),
        max_size=40,
    )
)
def test_the_raw_text_holds_no_more_letters_than_were_accepted(runs: list[Part]) -> None:
    transcriber = Transcriber(LABELS, Decoder())
    accepted = [state.accepted for state in fed(transcriber, runs) if state.accepted]
    letters = [label for label in accepted if len(label) == 1]
    written_letters = transcriber.text.replace(" ", "")
    assert len(written_letters) <= len(letters)
    if "del" not in accepted:
        assert written_letters == "".join(letters)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("ABL"), st.floats(0.85, 1.0)), min_size=1, max_size=12))
def test_frame_rates_read_alike(signs: list[tuple[str, float]]) -> None:
    runs: list[Part] = []
    for label, probability in signs:
        runs += [(label, probability, 0.7), ("nothing", 0.9, 0.3)]
    assert {spelled(runs, fps) for fps in (10, 15, 30, 60)} == {"".join(label for label, _ in signs)}


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
        ("", "thank you", "thank you "),
        ("thank you ", "i'm fine", "thank you i'm fine "),
        ("HI", "thank you", "HI thank you "),
        ("thank you ", "A", "thank you A"),
        ("thank you ", "space", "thank you "),
    ],
)
def test_written(text: str, label: str, after: str) -> None:
    assert written(text, label) == after


def test_a_word_that_was_one_sign_is_deleted_whole() -> None:
    buffer = TextBuffer()
    for label in ("H", "I", "thank you", "del"):
        buffer.write(label)
    assert buffer.text == "HI"
    buffer.write("del")
    assert buffer.text == "H"
    buffer.undo()
    buffer.undo()
    assert buffer.text == "HI thank you "


def test_the_page_s_operations() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    states = fed(transcriber, [("B", 0.95, 0.6), ("A", 0.95, 0.6)])
    assert (states[-1].text, states[-1].word, states[-1].taken, states[-1].hand) == ("BA", "BA", "A", True)
    transcriber.buffer.undo()
    assert transcriber.text == "B"
    transcriber.buffer.replace_word("BALL")
    assert (transcriber.text, transcriber.word) == ("BALL ", "")
    assert transcriber.buffer.undoable
    transcriber.buffer.undo()
    assert transcriber.text == "B"
    transcriber.buffer.clear()
    assert (transcriber.text, transcriber.buffer.undoable) == ("", False)
    transcriber.buffer.undo()
    assert transcriber.text == "", "nobody brings back what another cleared"


def test_undo_takes_the_space_of_a_pause_with_the_letter_and_it_does_not_come_back() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    fed(transcriber, [("B", 0.95, 0.6), ("A", 0.95, 0.6), ("nothing", 0.95, 2.0)])
    assert transcriber.text == "BA "
    transcriber.buffer.undo()
    empty = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0], np.float32)
    states = [transcriber.feed(3.2 + frame / 30, empty) for frame in range(60)]
    assert (states[-1].text, states[-1].hand, states[-1].leading) == ("B", False, None)


def test_a_letter_still_shown_after_undo_is_not_written_again() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    values = np.array([0.95, 0.01, 0.01, 0.01, 0.01, 0.01], np.float32)
    for frame in range(60):
        if transcriber.feed(frame / 30, values).accepted:
            transcriber.buffer.undo()
    assert transcriber.text == ""


def test_reset_keeps_the_text_and_forgets_what_was_seen() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    fed(transcriber, [("B", 0.95, 0.6)])
    transcriber.reset()
    state = transcriber.feed(0.6, np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], np.float32))
    assert (state.text, state.held, state.taken) == ("B", 0.0, None)


def test_a_text_does_not_grow_without_end() -> None:
    writing = TextBuffer()
    for number in range(LONGEST + 10):
        writing.write("AB"[number % 2])
    assert len(writing.text) == LONGEST


@pytest.mark.parametrize(
    ("amplitude", "hertz"), [(0.01, 1.7), (0.05, 5.0), (0.13, 1.2), (0.3, 2.0)], ids=["tremor", "shake", "wave", "bye"]
)
def test_what_swings_to_and_fro_is_no_slide(amplitude: float, hertz: float) -> None:
    slide = DoubleLetter()
    places = [amplitude * np.sin(2 * np.pi * hertz * frame / 30) for frame in range(300)]
    assert not any(slide.ended(1 / 30, place) for place in places)


def test_what_a_letter_may_have_been_is_kept_with_its_text() -> None:
    transcriber = Transcriber(("A", "S", "nothing"), Decoder())
    for i in range(30):
        transcriber.feed(i / 30, np.array([0.97, 0.02, 0.0], np.float32))
    kept = transcriber.buffer
    assert kept.text == "A"
    assert kept.doubts["A"].instead.keys() == {"A", "S"}
    assert not kept.doubts["A"].unread
    transcriber.write_into(TextBuffer())
    assert transcriber.buffer.doubts == {}, "practice is another text"
    kept.clear()
    assert kept.doubts == {}


def test_what_was_shown_but_not_read_is_kept_with_what_follows() -> None:
    transcriber, time_s = Transcriber(("A", "E", "M", "nothing"), Decoder()), 0.0
    unsure, still_unsure = (0, 0.45, 0.5, 0), (0.5, 0.45, 0, 0)
    for probabilities in ((0.97, 0, 0, 0), unsure, (0, 0, 0.97, 0), still_unsure, (0, 0, 0, 0.97), (0, 0, 0, 0.97)):
        for _ in range(24):
            time_s += 1 / 30
            transcriber.feed(time_s, np.array(probabilities, np.float32))
    kept = transcriber.buffer
    assert kept.text == "AM "
    assert not kept.doubts["A"].unread
    for text, other in (("AM", "M"), ("AM ", "A")):
        unread = kept.doubts[text].unread
        assert 0.3 < unread["E"] < unread[other] < 0.6, text


def test_a_letter_that_was_only_passed_through_is_not_kept() -> None:
    transcriber = Transcriber(("A", "B", "nothing"), Decoder())
    for frame in range(60):
        a, b = ((0.97, 0.0), (0.5, 0.5), (0.0, 0.97))[(frame >= 28) + (frame >= 30)]
        transcriber.feed(frame / 30, np.array([a, b, 0.0], np.float32))
    assert transcriber.text == "AB"
    assert not transcriber.buffer.doubts["AB"].unread


def test_what_was_shown_long_before_says_nothing_about_a_letter() -> None:
    transcriber, time_s = Transcriber(("A", "E", "M"), Decoder()), 0.0
    for probabilities, seconds in (((0.0, 0.45, 0.5), 600), ((0.0, 0.0, 0.5), 20), ((0.97, 0.0, 0.0), 1)):
        for _ in range(10 * seconds):
            time_s += 0.1
            transcriber.feed(time_s, np.array(probabilities, np.float32))
    (text, doubts), *_ = reversed(transcriber.buffer.doubts.items())
    assert text.endswith("A")
    assert set(doubts.unread) <= {"A", "M"}
