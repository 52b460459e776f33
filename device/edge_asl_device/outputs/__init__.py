"""Where letters, words and text go besides the page: one module per output, chosen by ``--output``.

Another output is a module here with a class derived from ``Output``, and its line in ``OUTPUTS``.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from edge_asl_device.text.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from edge_asl_device.text.transcriber import State
    from edge_asl_device.web.messages import VoiceState

OUTPUTS = {
    "voice": "speech:Espeak",
    "lines": "lines:Lines",
}
"""Module and class by name, imported when asked for; the class is called with a setting and a ``Context``."""


class Context(NamedTuple):
    """What every output may need to know of its run."""

    language: Language = LANGUAGES["en"]
    muted: bool = False
    """Begin silent."""
    as_json: bool = False
    """Print for programs instead of people."""
    observe: Callable[[str], None] = lambda _result: None
    """Told ``spoken``, ``failed`` or ``dropped`` for each text to be spoken."""


class Letter(NamedTuple):
    """A sign that became text."""

    label: str
    """As the bundle names it, ``space`` and ``del`` included."""
    probability: float
    """Smoothed, 0 to 1."""
    time_s: float
    """Seconds since the first frame."""
    text: str
    """All text, this letter included."""


Control = Callable[[Mapping[str, Any], str], None]
"""What a button does, given its arguments and all text; from any thread. Raises ``ValueError`` for a bad argument."""


class Output:
    """Takes what was read, each as far as it overrides it; a context manager. Derive from it.

    Letters, words and texts come in the loop's thread, between two frames: return at once and leave what takes time
    to a thread.
    """

    def letter(self, letter: Letter) -> None:
        """A sign became text."""

    def word(self, word: str) -> None:
        """A word was finished by a pause or a ``space``, or chosen among the suggestions."""

    def text(self, text: str) -> None:
        """All text, whenever it has changed; empty for the next visitor."""

    @property
    def state(self) -> VoiceState | None:
        """What the page shows of it; None: nothing."""
        return None

    @property
    def controls(self) -> Mapping[str, Control]:
        """The page's buttons that belong to it, by name."""
        return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None


class Outputs:
    """All outputs of a run as one.

    Args:
        outputs: entered already.
    """

    def __init__(self, outputs: Iterable[Output] = ()) -> None:
        self._outputs = tuple(outputs)
        self._started_s: float | None = None
        self._text = ""

    @property
    def state(self) -> VoiceState:
        """Of the first that has one."""
        return next((state for output in self._outputs if (state := output.state)), "absent")

    def read(self, time_s: float, before: str, state: State) -> None:
        """Tell of the letter and the word that came of one frame, if any.

        Args:
            time_s: of the frame.
            before: all text before it.
            state: what was read.
        """
        self._started_s = time_s if self._started_s is None else self._started_s
        if state.accepted is not None:
            letter = Letter(state.accepted, state.probability, time_s - self._started_s, state.text)
            for output in self._outputs:
                output.letter(letter)
        if state.text.endswith(" ") and not before.endswith(" ") and len(state.text) > len(before):
            self.word(state.text.split()[-1])

    def word(self, word: str) -> None:
        """A word was finished."""
        for output in self._outputs:
            output.word(word)

    def text(self, text: str) -> None:
        """All text; nobody is told the same one again."""
        if text != self._text:
            self._text = text
            for output in self._outputs:
                output.text(text)

    def press(self, button: str, arguments: Mapping[str, Any], text: str) -> None:
        """Do what a button of the page does, if it belongs to an output.

        Raises:
            ValueError: an argument is missing or of the wrong type.
        """
        for output in self._outputs:
            if button in output.controls:
                output.controls[button](arguments, text)


@contextlib.contextmanager
def open_outputs(wanted: Iterable[str], context: Context) -> Iterator[Outputs]:
    """Enter the outputs that ``--output`` names, each ``NAME`` or ``NAME:SETTING``.

    Raises:
        EdgeAslError: a setting that the output does not know.
    """
    with contextlib.ExitStack() as stack:
        opened = []
        for name, _, setting in (text.partition(":") for text in wanted):
            module, _, kind = OUTPUTS[name].partition(":")
            output: Output = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(setting, context)
            opened.append(stack.enter_context(output))
        yield Outputs(opened)
