"""Words: completions and corrections from the list that is installed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edge_asl_device.text import languages
from edge_asl_device.text.buffer import Doubts
from edge_asl_device.text.suggestions import CONFUSIONS, WordList

LIST = Path(languages.__file__).with_name(languages.LANGUAGES["en"].word_list or "")


@pytest.fixture(scope="module")
def words() -> WordList:
    return WordList.load(LIST.name)


def test_the_list_is_upper_case_letters_each_word_once() -> None:
    listed = LIST.read_text(encoding="ascii").split("\n")[:-1]
    assert len(listed) == len(set(listed)) == 30_000
    assert all(word.isalpha() and word.isupper() for word in listed)


def test_every_language_of_the_page_has_a_voice_and_every_word_list_is_there() -> None:
    page = Path(languages.__file__).parents[1] / "web" / "static" / "languages.json"
    assert set(languages.LANGUAGES) == set(json.loads(page.read_text(encoding="utf-8")))
    for language in languages.LANGUAGES.values():
        assert language.voice
        assert language.word_list is None or LIST.with_name(language.word_list).is_file()


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        ("HEL", "HELLO"),
        ("HELO", "HELLO"),
        ("THANV", "THANK"),
        ("VITCHEN", "KITCHEN"),
        ("VITC", "KITCHEN"),
        ("COMHUTER", "COMPUTER"),
        ("WORLO", "WORLD"),
        ("GODD", "GOOD"),
        ("GOOD", "GOODBYE"),
        ("FREIND", "FRIEND"),
        ("hel", "HELLO"),
    ],
)
def test_suggests(words: WordList, read: str, wanted: str) -> None:
    found = words.suggest(read)
    assert wanted in found
    assert len(found) <= 5
    assert read.upper() not in found[1:]


def test_completions_come_first_and_the_most_frequent_of_them_at_the_very_front() -> None:
    words = WordList(["THE", "TOE", "THEN", "THEM", "OTHER", "TREE"])
    assert words.suggest("THE") == ("THE", "THEN", "THEM", "TOE")
    assert words.suggest("THE", 1) == ("THE", "THEN")


def test_a_finished_word_is_offered_itself_unless_it_is_rare() -> None:
    words = WordList(
        [
            "HELLO",
            "HELP",
            *(f"X{chr(65 + i // 676)}{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}" for i in range(9000)),
            "HEL",
        ]
    )
    assert words.suggest("HELP")[0] == "HELP"
    assert "HEL" not in words.suggest("HEL")


@pytest.mark.parametrize(("signed", "read"), CONFUSIONS)
def test_every_known_confusion_is_undone(signed: str, read: str) -> None:
    words = WordList([f"B{signed}CE", "BULL"])
    assert words.suggest(f"B{read}CE") == (f"B{signed}CE",)
    assert words.corrected(f"B{read}CE ") == f"B{signed}CE "


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("VITCHEN ", "KITCHEN "),
        ("THE VITCHEN IS WORLO ", "THE KITCHEN IS WORLD "),
        ("VITCHEN", None),
        ("KITCHEN ", None),
        ("HELLO  VITCHEN X", "HELLO  KITCHEN X"),
        ("", None),
        (" ", None),
        ("XQXQXQ ", None),
        ("V1TCHEN 42 ", None),
        ("THEO ", None),
        ("KOT ", None),
    ],
)
def test_corrects_only_finished_words_that_are_clearly_misread(words: WordList, text: str, right: str | None) -> None:
    assert words.corrected(text) == right


def test_a_letter_that_was_shown_but_not_read_is_put_in(words: WordList) -> None:
    assert words.corrected("KITHEN ") is None, "a letter missing is as improbable as another one wrong"
    shown = Doubts(unread={"C": 0.4, "E": 0.5})
    assert words.corrected("KITHEN ", {"KITH": shown}) == "KITCHEN "
    assert words.corrected("KITHEN ", {"KITHE": shown}) is None, "elsewhere"
    assert words.corrected("KITCHE ", {"KITCHE ": Doubts(unread={"N": 0.4})}) == "KITCHEN ", "at its end"


def test_where_the_hand_wavered_between_two_letters_either_may_be_meant() -> None:
    words = WordList(["HOUSE", "A", "B", "C", "D", "E", "F", "MOUSE"])
    instead = {"N": 0.94, "M": 0.04}

    assert words.corrected("NOUSE ", {"N": Doubts(instead)}) is None, "HOUSE is as likely"
    assert words.corrected("NOUSE ", {"N": Doubts(instead, {"M": 0.38, "N": 0.35})}) == "MOUSE "
    assert words.corrected("NOUSE ", {"N": Doubts(instead, {"M": 0.7, "X": 0.3})}) is None, "in passing"


@pytest.mark.parametrize(
    "read", ["", " ", "1", "A1", "hello\n", "É", "İ", "A" * 21, "A" * 100_000, "🙂", "A B", "-", "[", "\x00"]
)
def test_what_is_no_word_gets_no_suggestion_and_stays(words: WordList, read: str) -> None:
    assert words.suggest(read) == ()
    assert words.corrected(read + " ") is None


def test_none_is_suggested_when_none_is_asked_for(words: WordList) -> None:
    assert words.suggest("HEL", 0) == words.suggest("HEL", -1) == ()


@pytest.mark.parametrize("read", ["A", "MO" * 10, "ABCDEFGHIKLMNOPQRSTU", "A" * 20, "VOHQM" * 4])
def test_a_query_takes_bounded_work(words: WordList, read: str) -> None:
    """Processor time, not wall time: other programs do not count. Ten times the time that this takes here."""
    started = time.process_time()
    for _ in range(5):
        words.suggest(read)
    assert time.process_time() - started < 5 * 0.05


def test_no_suggestion_is_one_that_a_hall_full_of_children_should_not_see(words: WordList) -> None:
    assert not {"".join(chr(ord(c) - 1) for c in shifted) for shifted in ("GVDL", "TIJU", "DVOU", "XIPSF")} & {
        word for start in ("FU", "SHI", "CU", "CUN", "FUC", "WHO", "WHOR") for word in words.suggest(start, 200)
    }
