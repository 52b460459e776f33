"""What is suggested and corrected, on every screen and in every language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from screens import STRINGS, resized, until
from shown import Shown

from edge_asl_device.web.messages import Visit

OpenPage = Callable[..., Any]
HERE = Visit(1, True)


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with Shown(guide="anywhere") as server:
        yield server


@pytest.mark.parametrize("language", STRINGS)
def test_suggested_words_are_whole_on_every_screen(open_page: OpenPage, shown: Shown, language: str):
    page = open_page(f"{shown.url}/?lang={language}")
    cut = {}
    for words in (("SLEEP", "SLEPT", "SLEIGH"), ("WIRTSCHAFT", "WIRTSCHAFTEN", "WIRTSCHAFTLICH")):
        shown.show(suggestions=words, visit=HERE, undoable=True)
        until(page, "(word) => document.querySelector('.suggestion').textContent === word", words[0])
        for size, found in resized(page):
            cut[words[0], size] = found
            least = 3 if size[0] >= 800 and words[0] == "SLEEP" else 2
            if page.locator(".suggestion:visible").count() < least:
                cut[words[0], size].append("words are missing")
    assert {case: found for case, found in cut.items() if found} == {}


def test_a_corrected_reading_begins_where_it_differs(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    for text, corrected, said in (
        ("HELKO WORLD ", "HELLO WORLD", "HELLO WORLD"),
        ("THE LAZY DOG RUNS HOME TO SLEP ", "THE LAZY DOG RUNS HOME TO SLEEP", "… SLEEP"),
    ):
        shown.show(text=text, word="", corrected=corrected, visit=HERE)
        until(page, "(said) => document.getElementById('corrected-text').textContent === said", said)


def test_no_button_moves_while_it_speaks(open_page: OpenPage, shown: Shown):
    """A finger is on its way to one of them."""
    shown.show(voice="ready", visit=HERE, undoable=True)
    page = open_page(f"{shown.url}/?lang=de")
    page.wait_for_selector("body[data-link=up] #clear:not([disabled])")
    until(page, "() => document.fonts.status === 'loaded'")
    places = "['undo', 'clear'].map((id) => JSON.stringify(document.getElementById(id).getBoundingClientRect())).join()"
    for width, height in ((480, 320), (800, 480), (1280, 720), (1080, 1920)):
        page.set_viewport_size({"width": width, "height": height})
        seen = set()
        for voice in ("ready", "speaking"):
            shown.show(voice=voice, visit=HERE, undoable=True)
            page.wait_for_selector("#speak[data-speaking]" if voice == "speaking" else "#speak:not([data-speaking])")
            seen.add(page.evaluate(places))
        assert len(seen) == 1, (width, height, seen)
