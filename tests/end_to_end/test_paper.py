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
