"""Reading signs at a kiosk: what comes of each frame, of each button, and of another bundle."""

from __future__ import annotations

import functools
import math
import threading
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.camera.quality import DARK_LEVEL
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.kiosk.doubting import Doubting
from edge_asl_device.kiosk.guidance import obstacle
from edge_asl_device.kiosk.handedness import Handedness
from edge_asl_device.kiosk.mode import Mode, Publish
from edge_asl_device.kiosk.practising import Practising
from edge_asl_device.kiosk.reader import Reader, Reading
from edge_asl_device.kiosk.visits import Visits
from edge_asl_device.outputs import Outputs
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.text.buffer import TextBuffer
from edge_asl_device.text.languages import LANGUAGES
from edge_asl_device.text.suggestions import WordList
from edge_asl_device.web.messages import (
    Accepted,
    CameraView,
    Doubt,
    HandView,
    Letter,
    PageState,
    Reason,
    Scene,
    SquareView,
    Visit,
)

HAND_GONE_S = 1.0
"""How long nothing is seen before the page says that no hand is there."""
FPS_S = 1.0
LONGEST_CHOICE = 50
"""Characters of a suggested word; no word list holds longer ones."""


class Transcribing(Mode):
    """Frames in; page states, letters, words and texts out.

    Args:
        reader: classifier and transcriber.
        outputs: told of letters, words and texts once the page has shown them.
        publish: shows a state, and the frame it was read from.
        clear_after_s: how long without a hand, a sign or a touch before everything of a visitor makes room for the
            next one; 0: never.
        metrics: counts visits, buttons and how long a hand was not read.
        language: that every visit begins with, a key of ``LANGUAGES``.
    """

    activity = "reading"

    def __init__(
        self,
        reader: Reader,
        outputs: Outputs,
        publish: Publish,
        clear_after_s: float,
        metrics: Metrics,
        language: str = "en",
    ) -> None:
        super().__init__()
        self._reader, self._outputs, self._publish, self._metrics = reader, outputs, publish, metrics
        self._visits = Visits(clear_after_s)
        self._first_language = language
        self._rate = _FrameRate()
        self._accepted: Accepted | None = None
        self._letters = 0
        self._seen = _Seen()
        self._doubting = Doubting()
        self._practising = Practising(metrics)
        self._handedness = Handedness()
        self._slow = False
        self._use_language(language)
        self._hand_s: float | None = None
        self._frame_s: float | None = None

    @property
    def text(self) -> str:
        """Everything that was written and not cleared."""
        return self._buffer.text

    @property
    def _buffer(self) -> TextBuffer:
        return self._practising.text_of(self._reader)

    def command(self, name: str, arguments: dict[str, Any]) -> None:
        """See ``Mode``; what changes the text is done before the next frame."""
        if name in ("speak", "mute"):
            self._outputs.press(name, arguments, self.text)
        elif name == "choose":
            word, unfinished = arguments.get("word"), arguments.get("instead_of")
            if not isinstance(word, str) or not 0 < len(word) <= LONGEST_CHOICE:
                raise ValueError(f"word: expected 1 to {LONGEST_CHOICE} characters, found {word!r}")
            self.submit(lambda: self._choose(word, unfinished))
        elif name == "language":
            code = arguments.get("language")
            if not isinstance(code, str) or code not in LANGUAGES:
                raise ValueError(f"language: expected {', '.join(LANGUAGES)}, found {code!r}")
            self.submit(lambda: self._use_language(code))
        elif name == "practice":
            self.submit(self._practising.action(arguments, lambda: self._reader, self._language, self._visits.number))
        elif name == "pace":
            if not isinstance(slow := arguments.get("slow"), bool):
                raise ValueError(f"slow: expected true or false, found {slow!r}")
            self.submit(lambda: self._give_more_time(slow=slow))
        elif name in ("clear", "undo"):
            self.submit({"clear": self._forget_words, "undo": lambda: self._buffer.undo()}[name])
        elif name != "stay":
            raise ValueError(f"{name!r} is not available while reading")
        if name != "stay":
            self._metrics.presses.labels(name).inc()
        self.submit(lambda: self._here(time.monotonic()))

    def replace_reader(self, reader: Reader) -> None:
        """See ``Mode``; the text stays, practice ends: the other model may read other signs."""
        self._practising.stop(self._reader)
        reader.take_over_from(self._reader)
        self._reader = reader
        self._give_more_time(slow=self._slow)

    def frame(self, frame: Frame, camera: CameraSupervisor) -> None:
        """Read one frame and show what came of it."""
        before, practised = self.text, self._practising.on
        reading = self._reader.read(frame)
        state = reading.state
        self._rate.frames += 1
        if state.accepted is not None:
            self._letters += 1
            self._accepted = Accepted(state.accepted, self._letters)
        if state.leading is not None or reading.landmarks is not None:
            self._here(frame.time_s)
        self._forget_who_left(frame.time_s)
        self._count_hand(frame.time_s, reading)
        if reading.landmarks is not None:
            self._handedness.seen(frame.time_s, left=reading.left)
        self._seen = self._see(frame, reading, camera.brightness)
        self._practise(frame, reading)
        self._show(camera, frame)
        if not practised and not self._practising.on:  # also where it ends with this frame, it was no text
            self._outputs.read(frame.time_s, before, state)
        self._outputs.text(self.text)

    def _practise(self, frame: Frame, reading: Reading) -> None:
        seed = self._visits.number
        finished = self._practising.seen(frame.time_s, reading, self._reader, self._language, seed)
        if finished is not None:
            self._outputs.word(finished)

    def no_frame(self, camera: CameraSupervisor) -> None:
        """Show why there is none, and what buttons have changed."""
        self._forget_who_left(time.monotonic())
        if camera.status.state is not CameraState.LIVE:
            self._seen = _Seen(square=self._seen.square)
        self._show(camera, None)
        self._outputs.text(self.text)

    def _show(self, camera: CameraSupervisor, frame: Frame | None) -> None:
        self._publish(self._state(camera, frame), frame)
        # Looking up words takes as long as reading a frame, so what was read is shown first.
        if self._advice.look_up(self._buffer):
            self._publish(self._state(camera, frame), None)

    def _state(self, camera: CameraSupervisor, frame: Frame | None) -> PageState:
        now_s = time.monotonic()
        suggestions, corrected = self._advice.on(self.text)
        return PageState(
            camera=CameraView(str(camera.status.state), camera.status.reason),
            visit=self._visit(now_s),
            square=self._seen.square,
            hand=self._seen.hand,
            scene=self._seen.scene,
            letter=self._seen.letter,
            doubt=self._seen.doubt,
            accepted=self._accepted,
            text=self.text,
            word=self._buffer.word,
            suggestions=suggestions,
            undoable=self._buffer.undoable,
            practice=self._practising.view(),
            open_hand=round(self._practising.open_hand, 2),
            left=self._handedness.left,
            slow=self._slow,
            corrected=corrected,
            voice=self._outputs.state,
            language=self._language,
            notices=self.notices(),
            fps=self._rate.shown(now_s),
            latency_ms=None if frame is None else round((now_s - frame.time_s) * 1000, 1),
            captured_s=None if frame is None else frame.time_s,
        )

    def _see(self, frame: Frame, reading: Reading, brightness: float | None) -> _Seen:
        time_s, (height, width) = frame.time_s, frame.picture.shape[:2]
        state, square, landmarks, still, company, _ = reading
        dark = brightness is not None and brightness < DARK_LEVEL
        reason: Reason | None = "dark" if dark else None
        if state.hand and square is not None:
            self._hand_s = time_s
            reason = reason or obstacle(landmarks, height, width, company=company, still=still)
        present = self._hand_s is not None and time_s - self._hand_s <= HAND_GONE_S
        return _Seen(
            square=SquareView(*square) if square else None,
            hand=None if landmarks is None else _hand_view(landmarks),
            scene="too-dark" if dark else "hand" if present else "no-hand",
            letter=Letter(state.leading, round(state.probability, 2), round(state.held, 2)) if state.leading else None,
            doubt=self._doubting.look(time_s, state, reason, present=present),
        )

    def _here(self, time_s: float) -> None:
        if not self._visits.somebody:
            self._metrics.visits.inc()
        self._visits.here(time_s)

    def _visit(self, now_s: float) -> Visit:
        ends_in_s = self._visits.ends_in_s(now_s)
        return Visit(self._visits.number, self._visits.somebody, None if ends_in_s is None else math.ceil(ends_in_s))

    def _forget_who_left(self, time_s: float) -> None:
        if self._visits.over(time_s):
            self._forget_words()
            self._give_more_time(slow=False)
            if self._language != self._first_language:
                self._use_language(self._first_language)

    def _forget_words(self) -> None:
        """What one visitor spelled is not for the next, who may press Clear first of all; whoever needs more time for
        each sign still needs it for the next words.
        """
        self._practising.stop(self._reader)
        self._handedness = Handedness()
        self._buffer.clear()
        self._accepted = None
        self._outputs.next_visitor()

    def _give_more_time(self, *, slow: bool) -> None:
        self._slow = slow
        self._reader.give_more_time(slow=slow)

    def _use_language(self, code: str) -> None:
        """Voice, suggestions and practice; a language without a list has none, rather than another's."""
        self._language = code
        self._outputs.use_language(LANGUAGES[code])
        self._practising.use_language(self._reader, code)
        self._advice = _Advice()
        if (name := LANGUAGES[code].word_list) is not None:
            # In a thread of its own: reading goes on without waiting for the list.
            threading.Thread(target=self._load_words, args=(code, name), name="words", daemon=True).start()

    def _load_words(self, code: str, name: str) -> None:
        words = _word_list(name)
        self.submit(lambda: self._suggest_from(code, words))

    def _suggest_from(self, code: str, words: WordList) -> None:
        if code == self._language:  # nobody has chosen another meanwhile
            self._advice.word_list = words

    def _count_hand(self, time_s: float, reading: Reading) -> None:
        """How much of the time with a hand nothing is read: months later, whoever looks after it sees whom it fails."""
        elapsed_s = min(1.0, max(0.0, time_s - self._frame_s)) if self._frame_s is not None else 0.0
        self._frame_s = time_s
        if reading.state.hand and reading.square is not None:
            self._metrics.hand.inc(elapsed_s)
            if reading.state.leading is None:
                self._metrics.unread.inc(elapsed_s)

    def _choose(self, word: str, unfinished: object) -> None:
        if unfinished not in (None, self._buffer.word):
            return  # the word grew or ended between the offer and the tap
        self._buffer.replace_word(word)
        self._outputs.word(word)


class _Seen(NamedTuple):
    """What the page shows of the last frame."""

    square: SquareView | None = None
    hand: HandView | None = None
    scene: Scene | None = None
    letter: Letter | None = None
    doubt: Doubt | None = None


@functools.cache
def _word_list(name: str) -> WordList:
    return WordList.load(name)


def _hand_view(landmarks: NDArray[np.float32]) -> HandView:
    return HandView(tuple((round(float(x)), round(float(y))) for x, y in landmarks))


class _Advice:
    """What the word list says about one text, looked up once."""

    def __init__(self) -> None:
        self.word_list: WordList | None = None
        self._text = ""
        self._found: tuple[tuple[str, ...], str | None] = ((), None)

    def look_up(self, buffer: TextBuffer) -> bool:
        """Suggest and correct words for a text and its unfinished word; whether there is anything new."""
        text = buffer.text
        if self.word_list is None or text == self._text:
            return False
        found = self.word_list.suggest(buffer.word), self.word_list.corrected(text, buffer.doubts)
        self._text, self._found = text, found
        return True

    def on(self, text: str) -> tuple[tuple[str, ...], str | None]:
        """Suggestions and the corrected reading; nothing for a text that has not been looked up."""
        return self._found if text == self._text else ((), None)


class _FrameRate:
    """Frames in the last second, updated once a second: a figure that jumps all the time cannot be read."""

    def __init__(self) -> None:
        self.frames = 0
        self._before, self._shown, self._due_s = 0, 0.0, 0.0

    def shown(self, now_s: float) -> float:
        """Frames per second."""
        if now_s >= self._due_s:
            self._due_s = now_s + FPS_S
            self._shown, self._before = float(self.frames - self._before), self.frames
        return self._shown
