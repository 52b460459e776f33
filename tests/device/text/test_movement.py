"""What is written of a hand whose landmarks are followed: drawn letters, doubled ones, and nothing on the way."""

from __future__ import annotations

import hands
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_moving_letters import J, Z

from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.text.held_letters import Folding
from edge_asl_device.text.movement import Movement
from edge_asl_device.text.transcriber import State, Transcriber

LABELS = ("A", "B", "D", "I", "J", "L", "Y", "Z")
HOLD = 1.0
DECODER = Decoder()
STRICT = Decoder(accept_probability=0.95, release_probability=0.4)


class Kiosk:
    """Landmarks and what a model would say of them, into text."""

    def __init__(self, labels: tuple[str, ...] = LABELS, decoder: Decoder = DECODER, sure: float = 0.95) -> None:
        self.transcriber, self.movement, self._labels = Transcriber(labels, decoder), Movement(labels), labels
        self.sure = sure
        """What the model gives the label that it sees."""
        self.states: list[State] = []
        self._start_s = 0.0

    def see(self, label: str, frames: list[hands.Landmarks | None], fps: float = 30, noise: float = 0.005) -> str:
        """All text after frames in which a model sees ``label``, the next stretch of one film."""
        rng = np.random.default_rng(0)
        probabilities = np.full(len(self._labels), (1 - self.sure) / (len(self._labels) - 1), np.float32)
        probabilities[self._labels.index(label)] = self.sure
        for points in frames:
            now = np.zeros_like(probabilities) if points is None else probabilities
            if points is not None:
                points = (points + rng.normal(0, noise * hands.PALM, (21, 2))).astype(np.float32)
            motion = self.movement.seen(self._start_s, points)
            self.states.append(self.transcriber.feed(self._start_s, now, motion=motion))
            self._start_s += 1 / fps
        return self.transcriber.text

    def show(self, label: str, shape: str, *corners: tuple[float, ...], fps: float = 30) -> str:
        """All text after a hand has gone through (t, x, y, turn)."""
        return self.see(label, [points for _, points in hands.seen(hands.moved(shape, *corners), fps)], fps)


def still(seconds: float = HOLD, x: float = 0.0, y: float = 0.0, turn: float = 0.0) -> tuple[tuple[float, ...], ...]:
    return (0, x, y, turn), (seconds, x, y, turn)


@pytest.mark.parametrize("fps", [2, 4])
def test_a_busy_computer_that_looks_at_few_frames_still_reads_a_held_hand(fps: float) -> None:
    kiosk = Kiosk()
    assert kiosk.show("A", "A", *still(3.0), fps=fps) == "A"
    assert kiosk.states[-1].accepted is None
    there_and_back = [(time_s, x, 0.0, 0.0) for time_s, x in ((0, 0), (1, 2), (2, 0), (3, 2), (4, 0))]
    assert Kiosk().show("B", "B", *there_and_back, fps=fps) == "", "a hand on its way is not held"


@pytest.mark.parametrize("fps", [15, 30, 60])
@pytest.mark.parametrize(("held", "shape", "corners", "letter"), [("I", "I", J, "J"), ("D", "Z", Z, "Z")])
def test_the_letter_that_was_read_before_the_drawing_gives_way_to_it(
    held: str, shape: str, corners: tuple[tuple[float, ...], ...], letter: str, fps: float
) -> None:
    kiosk = Kiosk()
    kiosk.see("A", [hands.hand("A")] * round(fps), fps)
    kiosk.see("B", [hands.hand("B", 1.0)] * 4, fps)
    assert kiosk.show(held, shape, *corners, fps=fps) == "A" + letter
    accepted = [(state.accepted, state.replaced) for state in kiosk.states if state.accepted]
    assert accepted == [("A", ""), (held, ""), (letter, held)]
    kiosk.transcriber.buffer.undo()
    assert kiosk.transcriber.text == "A", "undo takes the whole drawing"


def test_a_drawn_letter_is_written_without_the_one_before_if_that_was_not_read() -> None:
    kiosk = Kiosk()
    assert kiosk.show("I", "I", *[(max(0, t - 0.9), *place) for t, *place in J][1:]) == "J"
    assert [state.replaced for state in kiosk.states if state.accepted] == [""]


def test_what_somebody_changed_meanwhile_is_not_taken_back() -> None:
    kiosk = Kiosk()
    kiosk.show("I", "I", *J[:2])
    kiosk.transcriber.buffer.replace_word("HI")
    assert kiosk.show("I", "I", *[(t - 1, *place) for t, *place in J[1:]]) == "HI J"


def test_the_end_of_a_drawing_is_no_letter_until_the_hand_shows_another() -> None:
    kiosk = Kiosk()
    kiosk.show("I", "I", *J)
    end = J[-1][1:]
    assert kiosk.show("Y", "I", *still(2.0, *end)) == "J"
    assert kiosk.states[-1].taken == kiosk.states[-1].leading == "J"
    kiosk.show("A", "A", (0, *end), (0.3, 0, 0, 0))
    assert kiosk.show("I", "I", *still()) == "JI"


@pytest.mark.parametrize(("label", "shape", "text"), [("J", "I", "I"), ("Z", "Z", "D")])
def test_a_held_hand_is_read_as_the_letter_that_is_held(label: str, shape: str, text: str) -> None:
    assert Kiosk().show(label, shape, *still()) == text


def test_a_picture_by_itself_keeps_the_model_s_answer() -> None:
    transcriber = Transcriber(LABELS, Decoder())
    probabilities = np.eye(len(LABELS), dtype=np.float32)[LABELS.index("J")]
    for frame in range(30):
        transcriber.feed(frame / 30, probabilities)
    assert transcriber.text == "J"


@pytest.mark.parametrize(
    ("labels", "given", "folded"),
    [
        (("D", "1", "Z"), (0.2, 0.1, 0.7), (0.9, 0.1, 0.0)),
        (("D", "1", "Z"), (0.1, 0.2, 0.7), (0.1, 0.9, 0.0)),
        (("I", "J"), (0.4, 0.6), (1.0, 0.0)),
        (("A", "J"), (0.4, 0.6), (0.4, 0.6)),
        (("A", "B"), (0.4, 0.6), (0.4, 0.6)),
    ],
)
def test_folding(labels: tuple[str, ...], given: tuple[float, ...], folded: tuple[float, ...]) -> None:
    assert Folding(labels).held(np.array(given, np.float32)) == pytest.approx(folded)


@pytest.mark.parametrize(
    ("way", "text"),
    [
        pytest.param(((0, 0, 0, 0), (0.3, 0.5, 0, 0), (1.0, 0.5, 0, 0)), "LL", id="slides aside"),
        pytest.param(((0, 0, 0, 0), (0.3, -0.5, 0.1, 0), (1.0, -0.5, 0.1, 0)), "LL", id="slides to the other side"),
        pytest.param(((0, 0, 0, 0), (0.2, 0, -0.4, 0), (0.4, 0, 0, 0), (1.0, 0, 0, 0)), "LL", id="bounces down"),
        pytest.param(((0, 0, 0, 0), (0.2, 0.4, 0, 0), (0.4, 0, 0, 0), (1.0, 0, 0, 0)), "LL", id="bounces aside"),
        pytest.param(((0, 0, 0, 0), (0.4, 0.1, 0, 0), (1.4, 0.1, 0, 0)), "L", id="moves a little"),
        pytest.param(((0, 0, 0, 0), (0.4, 0.1, -0.9, 0), (1.4, 0.1, -0.9, 0)), "L", id="sinks"),
        pytest.param(((0, 0, 0, 0), (4.0, 1.5, 0, 0), (5.0, 1.5, 0, 0)), "L", id="drifts"),
        pytest.param(
            ((0, 0, 0, 0), *((0.25 * n, 0.4 * (-1) ** n, 0, 0) for n in range(1, 9)), (2.3, 0, 0, 0), (3.3, 0, 0, 0)),
            "L",
            id="waves",
        ),
    ],
)
@pytest.mark.parametrize("fps", [15, 30])
def test_doubled_letters(way: tuple[tuple[float, ...], ...], text: str, fps: float) -> None:
    kiosk = Kiosk()
    kiosk.show("L", "L", *still(), fps=fps)
    assert kiosk.show("L", "L", *way, fps=fps) == text


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=6), st.floats(1.2, 6.0), st.integers(0, 9))
def test_a_hand_that_moves_writes_nothing(labels: list[str], speed: float, seed: int) -> None:
    """Whatever a model sees in it on the way: a hand that is raised, waved about or lowered is not held."""
    rng, kiosk, x = np.random.default_rng(seed), Kiosk(), 0.0
    for label in labels:
        there = x + speed * 0.5 * rng.choice((-1, 1))
        way = np.linspace(x, there, 15)[:-1]
        kiosk.see(label, [hands.hand("A", place) for place in way])
        x = there
    # Where it turns about it is slow for a moment.
    assert len(kiosk.transcriber.text) == 0


@pytest.mark.parametrize("letter", "ABDILY")
def test_a_held_letter_that_becomes_unsure_is_not_written_twice(letter: str) -> None:
    kiosk = Kiosk()
    kiosk.show(letter, "A", *still())
    for _ in range(3):
        kiosk.states.append(kiosk.transcriber.feed(kiosk._start_s, np.full(len(LABELS), 0.1, np.float32),
                            motion=kiosk.movement.seen(kiosk._start_s, hands.hand("A"))))  # fmt: skip
        kiosk._start_s += 1 / 30
    assert kiosk.show(letter, "A", *still()) == letter


@pytest.mark.parametrize("fps", [10, 30])
def test_a_letter_that_the_model_is_less_sure_of_must_be_held_longer(fps: float) -> None:
    kiosk = Kiosk(decoder=STRICT, sure=0.88)
    assert kiosk.show("A", "A", *still(0.8), fps=fps) == ""
    assert kiosk.states[-1].leading == "A", "and is shown meanwhile"
    assert 0.5 < kiosk.states[-1].held < 1
    assert kiosk.show("A", "A", *still(4.0), fps=fps) == "A"


@pytest.mark.parametrize(("accept", "sure"), [(0.95, 0.82), (0.99, 0.95)])
def test_a_letter_that_is_a_guess_is_never_read(accept: float, sure: float) -> None:
    decoder = Decoder(accept_probability=accept, release_probability=0.4)
    assert Kiosk(decoder=decoder, sure=sure).show("A", "A", *still(5.0)) == ""


def test_an_unsure_letter_keeps_its_lead_while_the_model_wavers() -> None:
    kiosk = Kiosk(decoder=STRICT)
    for _ in range(10):
        for kiosk.sure in (0.88, 0.78):
            kiosk.show("A", "A", *still(0.2))
    assert kiosk.transcriber.text == "A"


@pytest.mark.parametrize("sign", ["space", "del", "nothing"])
def test_an_unsure_sign_that_is_no_letter_does_nothing(sign: str) -> None:
    kiosk = Kiosk((*LABELS, "space", "del", "nothing"), STRICT, sure=0.97)
    kiosk.show("A", "A", *still())
    kiosk.sure = 0.9
    assert kiosk.show(sign, "B", *still(3.0)) == "A"


def test_an_unsure_letter_lets_go_of_none_that_is_held() -> None:
    kiosk = Kiosk(decoder=STRICT, sure=0.97)
    kiosk.show("A", "A", *still())
    kiosk.sure = 0.88
    kiosk.show("B", "A", *still(0.5))
    kiosk.sure = 0.97
    assert kiosk.show("A", "A", *still()) == "A"


def test_without_landmarks_an_unsure_letter_is_not_read() -> None:
    transcriber = Transcriber(LABELS, STRICT)
    for frame in range(150):
        transcriber.feed(frame / 30, np.float32(0.85) * np.eye(len(LABELS), dtype=np.float32)[0])
    assert transcriber.text == ""


@pytest.mark.parametrize("letter", "ABDIJLY")
def test_real_hands_are_read_only_where_they_are_held(letter: str) -> None:
    """A model that sees the clip's letter from the first frame to the last."""
    kiosk = Kiosk()
    frames = hands.clip(letter)
    assert kiosk.see("I" if letter == "J" else letter, frames, noise=0.0) == letter
    seen = [number for number, points in enumerate(frames) if points is not None]
    written = next(number for number, state in enumerate(kiosk.states) if state.accepted)
    assert written > seen[0] + 12, "not while the hand is raised"


def swaying(shape: str, hz: float, palms: float, seconds: float = 2.0, fps: float = 30) -> list[hands.Landmarks]:
    return [hands.hand(shape, palms * np.sin(2 * np.pi * hz * at)) for at in np.arange(0, seconds, 1 / fps)]


@pytest.mark.parametrize("hz", [4.0, 5.0, 6.5, 8.0])
@pytest.mark.parametrize("palms", [0.05, 0.15, 0.3])
def test_a_hand_that_trembles_is_read_once(hz: float, palms: float) -> None:
    kiosk = Kiosk()
    assert kiosk.see("A", swaying("A", hz, palms)) == "A"


@pytest.mark.parametrize("hz", [0.7, 1.0, 1.5, 2.0])
def test_a_hand_that_waves_is_not_read(hz: float) -> None:
    assert Kiosk().see("B", swaying("B", hz, 0.6)) == ""


def test_letters_that_change_while_the_hand_trembles_are_not_read_in_between() -> None:
    kiosk = Kiosk()
    kiosk.see("A", swaying("A", 5.0, 0.15))
    for shape in "LBLBLB":  # no shape is held for longer than a tenth of a second
        kiosk.see("L", swaying(shape, 5.0, 0.15, 0.1))
    assert kiosk.transcriber.text == "A"
