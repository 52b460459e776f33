"""Where letters, words and text go besides the page: one module per output, chosen by ``--output``.

Another output is a module here with a class derived from ``Output``, and its line in ``OUTPUTS``.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edge_asl_device.outputs.output import Context, Letter, Output
from edge_asl_device.text.buffer import is_word

if TYPE_CHECKING:
    from edge_asl_device.text.languages import Language
    from edge_asl_device.text.transcriber import State
    from edge_asl_device.web.messages import VoiceState

OUTPUTS = {
    "voice": ("speech:Espeak", "speaks words and, when asked, the text; voice:NAME is one of espeak-ng's voices"),
    "lines": ("lines:Lines", "prints letters and text to standard output"),
}
"""By name: module and class, imported when asked for and called with a setting and a ``Context``; what it does."""


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
            letter = Letter(state.accepted, state.probability, time_s - self._started_s, state.text, state.replaced)
            for output in self._outputs:
                output.letter(letter)
        if state.accepted is not None and is_word(state.accepted):
            self.word(state.accepted)
        elif state.text.endswith(" ") and not before.endswith(" ") and len(state.text) > len(before):
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

    def use_language(self, language: Language) -> None:
        """See ``Output``."""
        for output in self._outputs:
            output.use_language(language)

    def next_visitor(self) -> None:
        """See ``Output``."""
        for output in self._outputs:
            output.next_visitor()

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
            module, _, kind = OUTPUTS[name][0].partition(":")
            output: Output = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(setting, context)
            opened.append(stack.enter_context(output))
        yield Outputs(opened)
