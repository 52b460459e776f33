"""The languages that a kiosk may speak and spell in.

Another language is one entry here and its strings in ``web/static/languages.json``.
"""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """What a language has besides the page's strings."""

    voice: str
    """espeak-ng's name of it; ``espeak-ng --voices`` lists them."""
    word_list: str | None
    """A file beside this one, one word a line, most frequent first; None: no suggestions and no corrected reading."""


LANGUAGES = {
    "en": Language(voice="en-us", word_list="words.txt"),
    "de": Language(voice="de", word_list="words.de.txt"),
    "es": Language(voice="es", word_list="words.es.txt"),
}
"""By the code that ``--language`` takes, in the order in which the page offers them."""
