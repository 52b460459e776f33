"""Reading signs at a kiosk: what comes of each frame, of each button, and of a new bundle.

Lives in the loop's thread alone; other threads leave what they want in a queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge_asl_device.camera import Frame
from edge_asl_device.camera.quality import DARK_LEVEL
from edge_asl_device.kiosk.loop import Feed
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.tasks import LoopTasks
from edge_asl_device.outputs.speech import Voice
from edge_asl_device.text.transcriber import State
from edge_asl_device.web.messages import Accepted, CameraView, Letter, Notice, PageState, Scene, SquareView

if TYPE_CHECKING:
    from edge_asl_device.text.suggestions import Words

HAND_GONE_S = 1.0
"""How long nothing is seen before the page says that no hand is there."""
NOTICE_S = 10.0
FPS_S = 1.0


class Kiosk(LoopTasks):
    """Frames in, page states and spoken words out; a ``Consumer`` of the loop.

    Args:
        reader: classifier and transcriber.
        voice: says finished words.
        publish: shows a state, and the frame it was read from.
        clear_after_s: how long without any sign before the text makes room for the next visitor; None: never.
    """

    def __init__(
        self,
        reader: Reader,
        voice: Voice,
        publish: Callable[[PageState, Frame | None], None],
        clear_after_s: float | None = 60.0,
    ) -> None:
        super().__init__()
        self._reader, self._voice, self._publish = reader, voice, publish
        self._clear_after_s = clear_after_s
        self._words: Words | None = None
        self._accepted: Accepted | None = None
        self._letters = 0
        self._notices: list[tuple[float | None, Notice]] = []
        self._advice: tuple[str, tuple[str, ...], str | None] = ("", (), None)
        self._square: SquareView | None = None
        self._hand_s: float | None = None
        self._sign_s = time.monotonic()
        self.frames_read = 0
        self._frames_counted = 0
        self._fps_shown = 0.0
        self._fps_due_s = 0.0

    @property
    def text(self) -> str:
        """Everything that was read and not cleared."""
        return self._reader.transcriber.text

    def command(self, name: str, wanted: dict[str, Any]) -> None:
        """What a button asks for, from any thread.

        Raises:
            ValueError: an argument is missing or of another kind.
        """
        if name == "mute":
            self._voice.mute(_argument(wanted, "muted", bool))
        elif name == "choose":
            word, unfinished = _argument(wanted, "word", str), wanted.get("instead_of")
            self.submit(lambda: self._choose(word, unfinished))
        else:
            self.submit({"clear": self._clear, "undo": self._undo, "speak": self._speak}[name])

    def take_words(self, words: Words) -> None:
        """Suggest words from now on."""
        self._words = words

    def replace(self, reader: Reader) -> None:
        """Read with another bundle from the next frame on; the text stays."""
        reader.go_on_from(self._reader)
        self._reader = reader

    def note(self, notice: Notice, *, stays: bool = False) -> None:
        """Tell whoever looks after the kiosk; one of each kind, gone after ``NOTICE_S`` unless it stays."""
        self.forget(notice.kind)
        self._notices.append((None if stays else time.monotonic() + NOTICE_S, notice))

    def forget(self, kind: str) -> None:
        """That is no longer so."""
        self._notices = [(until, kept) for until, kept in self._notices if kept.kind != kind]

    def frame(self, frame: Frame, feed: Feed) -> None:
        """Read one frame and show what came of it."""
        before = self.text
        state, square = self._reader.read(frame)
        self._square = SquareView(*square) if square else None
        self.frames_read += 1
        if state.accepted is not None:
            self._letters += 1
            self._accepted = Accepted(state.accepted, self._letters)
        if state.leading is not None:
            self._sign_s = frame.time_s
        self._clear_when_left(frame.time_s)
        scene = self._scene(frame.time_s, state, feed.brightness)
        letter = Letter(state.leading, round(state.probability, 2), round(state.held, 2)) if state.leading else None
        self._show(feed, frame, scene, letter)
        self._say_finished_word(before)

    def no_frame(self, feed: Feed) -> None:
        """Show why there is none, and what buttons changed meanwhile."""
        self._clear_when_left(time.monotonic())
        self._show(feed, None, None, None)

    def _show(self, feed: Feed, frame: Frame | None, scene: Scene | None, letter: Letter | None) -> None:
        self._publish(self._state(feed, frame, scene, letter), frame)
        # Looking words up takes as long as reading a frame; what was read is shown first.
        if self._advise():
            self._publish(self._state(feed, frame, scene, letter), None)

    def _state(self, feed: Feed, frame: Frame | None, scene: Scene | None, letter: Letter | None) -> PageState:
        now_s = time.monotonic()
        self._notices = [(until, notice) for until, notice in self._notices if until is None or until > now_s]
        advised, suggestions, corrected = self._advice
        current = advised == self.text
        return PageState(
            camera=CameraView(str(feed.status.state), feed.status.reason),
            square=self._square,
            scene=scene,
            letter=letter,
            accepted=self._accepted,
            text=self.text,
            word=self._reader.transcriber.word,
            suggestions=suggestions if current else (),
            corrected=corrected if current else None,
            voice=self._voice.state,
            notices=tuple(notice for _, notice in self._notices),
            fps=self._fps(now_s),
            latency_ms=None if frame is None else round((now_s - frame.time_s) * 1000, 1),
            captured_s=None if frame is None else frame.time_s,
        )

    def _advise(self) -> bool:
        """Look up words for a new text; whether anything is to be shown."""
        text = self.text
        if self._words is None or text == self._advice[0]:
            return False
        self._advice = (text, self._words.suggest(self._reader.transcriber.word), self._words.corrected(text))
        return True

    def _scene(self, time_s: float, state: State, brightness: float | None) -> Scene:
        if state.hand:
            self._hand_s = time_s
        if brightness is not None and brightness < DARK_LEVEL:
            return "too-dark"
        return "no-hand" if self._hand_s is None or time_s - self._hand_s > HAND_GONE_S else "hand"

    def _fps(self, now_s: float) -> float:
        """Frames in the last second, counted once a second: a figure that jumps thirty times a second tells nothing."""
        if now_s >= self._fps_due_s:
            self._fps_due_s = now_s + FPS_S
            self._fps_shown, self._frames_counted = float(self.frames_read - self._frames_counted), self.frames_read
        return self._fps_shown

    def _clear_when_left(self, time_s: float) -> None:
        """What somebody spelled is not the next visitor's to read, whether the camera sees anybody or not."""
        if self._clear_after_s is not None and self.text and time_s - self._sign_s > self._clear_after_s:
            self._reader.transcriber.writing.forget()
            self._accepted = None

    def _say_finished_word(self, before: str) -> None:
        text = self.text
        if text.endswith(" ") and not before.endswith(" ") and len(text) > len(before):
            self._voice.say(text.split()[-1])

    def _clear(self) -> None:
        self._reader.transcriber.clear()

    def _undo(self) -> None:
        self._reader.transcriber.undo()

    def _speak(self) -> None:
        self._voice.say(self.text)

    def _choose(self, word: str, unfinished: object) -> None:
        if unfinished not in (None, self._reader.transcriber.word):
            return  # the word was finished, or has grown, between the offer and the tap
        self._reader.transcriber.replace_word(word)
        self._voice.say(word)


def _argument(wanted: dict[str, Any], name: str, kind: type) -> Any:
    found = wanted.get(name)
    if not isinstance(found, kind) or (isinstance(found, str) and not 0 < len(found) <= 50):
        raise ValueError(f"{name}: expected {kind.__name__}, found {found!r}")
    return found
