"""What an output is: the class to derive from, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from edge_asl_device.text.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from edge_asl_device.web.messages import VoiceState


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
    replaces: str = ""
    """What no longer stands in the text: an I that was read before the hand drew a J."""


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

    def use_language(self, language: Language) -> None:
        """The visitor has chosen this language."""

    def next_visitor(self) -> None:
        """Whoever was there has left or has cleared everything: drop what waits and forget what was chosen."""

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
