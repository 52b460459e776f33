"""Practice within reading: what a visitor spells for practice is no text, and the text stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_asl_device.kiosk.reader import Reader, Reading
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.text.buffer import NOTHING, TextBuffer
from edge_asl_device.text.open_hand import OpenHand, is_open
from edge_asl_device.text.practice import Exercise, Practice, load_words, spelled, words_for

ACTIONS = ("start", "next", "again", "skip", "stop")
OPEN_HANDS = ("5",)
"""Signs that are an open hand: a model that reads one needs it for reading."""


def touchless(labels: tuple[str, ...]) -> bool:
    """Whether an open hand is free to begin and end practice."""
    return not any(label in labels for label in OPEN_HANDS)


class Practising:
    """Begins and ends it, by button or by an open hand, and feeds it. It belongs to the loop's thread.

    Args:
        metrics: counts words and skipped signs.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._practice: Practice | None = None
        self._open_hand = OpenHand()
        self._text = TextBuffer()

    @property
    def on(self) -> bool:
        """Whether the visitor practises."""
        return self._practice is not None

    @property
    def open_hand(self) -> float:
        """See ``PageState``."""
        return self._open_hand.held

    def text_of(self, reader: Reader) -> TextBuffer:
        """What the visitor has written, whether or not practice goes on."""
        return self._text if self.on else reader.transcriber.buffer

    def action(
        self, arguments: dict[str, Any], reader: Callable[[], Reader], language: str, seed: int
    ) -> Callable[[], None]:
        """What a button asks for, to be done in the loop's thread with the reader of then; ``word`` is one of the
        visitor's own.

        Raises:
            ValueError: no such action, or a word that cannot be spelled.
        """
        name, word = arguments.get("do"), arguments.get("word")
        if name not in ACTIONS:
            raise ValueError(f"do: expected {', '.join(ACTIONS)}, found {name!r}")
        if word is not None and not isinstance(word, str):
            raise ValueError(f"word: expected a text, found {word!r}")
        own = None if word is None else spelled(word, reader().recogniser.labels)
        if name == "start":
            return lambda: self._start(reader(), language, seed, own)
        return lambda: self._act(name, reader())

    def seen(self, time_s: float, reading: Reading, reader: Reader, language: str, seed: int) -> str | None:
        """Take in one frame; the word that was finished with it, if any."""
        state = reading.state
        self._look_for_an_open_hand(time_s, reading, reader, language, seed)
        if self._practice is None:
            return None
        hand = reading.square is not None and state.hand
        if not self._practice.seen(time_s, state.leading, state.held, state.accepted, state.taken, hand=hand):
            return None
        if not self._practice.view().skipped:
            self._metrics.practised.inc()
        return self._practice.word

    def use_language(self, reader: Reader, language: str) -> None:
        """What is practised follows the visitor's choice."""
        if self._practice is not None:
            self._practice.use_words(words_for(reader.recogniser.labels, load_words(language)))

    def stop(self, reader: Reader) -> None:
        """Back to writing, where it was left."""
        if self._practice is not None:
            self._practice = None
            reader.transcriber.write_into(self._text)

    def view(self) -> Exercise | None:
        """What the page shows."""
        return None if self._practice is None else self._practice.view()

    def _start(self, reader: Reader, language: str, seed: int, own: tuple[str, ...] | None = None) -> None:
        if self._practice is None:
            self._text = reader.transcriber.buffer
            reader.transcriber.write_into(TextBuffer())
            self._practice = Practice(words_for(reader.recogniser.labels, load_words(language)), seed)
        if own is not None:
            self._practice.own_word(own)

    def _act(self, name: str, reader: Reader) -> None:
        """A press that came after the end of practice does nothing."""
        if self._practice is None:
            return
        if name == "stop":
            self.stop(reader)
        elif name == "skip":
            before = self._practice.skips
            self._practice.skip()
            self._metrics.skipped.inc(self._practice.skips - before)
        else:
            {"next": self._practice.next_word, "again": self._practice.again}[name]()

    def _look_for_an_open_hand(self, time_s: float, reading: Reading, reader: Reader, language: str, seed: int) -> None:
        landmarks, leading = reading.landmarks, reading.state.leading
        free = landmarks is not None and leading in (None, NOTHING) and touchless(reader.recogniser.labels)
        if not self._open_hand.seen(time_s, is_open=landmarks is not None and free and is_open(landmarks)):
            return
        if self._practice is None:
            self._start(reader, language, seed)
        else:
            self.stop(reader)
