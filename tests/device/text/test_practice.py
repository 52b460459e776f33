"""Practice: which words, what is right and what is wrong, and how it goes on."""

from __future__ import annotations

from string import ascii_uppercase

import pytest

from edge_asl_device.text.languages import LANGUAGES
from edge_asl_device.text.practice import (
    DONE_S,
    STRUGGLES_S,
    WORDS_A_LEVEL,
    WRONG_S,
    Practice,
    load_words,
    spelled,
    words_for,
)

LETTERS = (*ascii_uppercase, "del", "nothing", "space")


class Visitor:
    """Shows signs at 10 frames a second: each leads, fills the ring, is read, and is let go."""

    def __init__(self, practice: Practice) -> None:
        self.practice, self.time_s = practice, 0.0
        self.taken: str | None = None

    def frame(self, leading: str | None, held: float = 0.0, accepted: str | None = None, *, hand: bool = True) -> bool:
        self.taken = accepted or (self.taken if leading == self.taken else None)
        return self.frame_of(leading, held, accepted, hand=hand)

    def frame_of(self, leading: str | None, held: float, accepted: str | None, *, hand: bool) -> bool:
        self.time_s += 0.1
        return self.practice.seen(self.time_s, leading, held, accepted, self.taken, hand=hand)

    def shakes(self) -> None:
        """The hand moves for a moment, and nothing leads; what was read is not let go."""
        self.frame_of(None, 0.0, None, hand=True)

    def shows(self, sign: str) -> bool:
        done = [self.frame(sign, 0.3), self.frame(sign, 0.7), self.frame(sign, 1.0, sign)]
        done += [self.frame(sign, 1.0), self.frame(None)]
        return any(done)

    def waits(self, seconds: float, *, hand: bool) -> None:
        for _ in range(round(seconds * 10)):
            self.frame(None, hand=hand)


@pytest.fixture
def visitor() -> Visitor:
    practice = Practice(words_for(LETTERS, load_words("en")), seed=1)
    practice.own_word(spelled("ball", LETTERS))
    return Visitor(practice)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_that_get_longer(language: str):
    levels = load_words(language)
    lengths = [sum(map(len, words)) / len(words) for words in levels]
    assert lengths == sorted(lengths)
    assert all(set(word) <= set(ascii_uppercase) for words in levels for word in words)
    assert language == "en" or levels != load_words("en")


def test_only_words_that_the_model_can_read():
    words = words_for(tuple("ABELMNOV"), load_words("en"))
    assert words.levels
    assert {sign for level in words.levels for word in level for sign in word} <= set("ABELMNOV")


def test_other_signs_one_by_one():
    words = words_for(("0", "1", "hello", "nothing"), load_words("en"))
    assert words.levels == ((("0",), ("1",), ("hello",)),)


def test_visitors_begin_with_different_words():
    words = words_for(LETTERS, load_words("en"))
    assert len({Practice(words, seed).word for seed in range(20)}) > 5
    assert Practice(words, 3).word == Practice(words, 3).word


def test_a_word_sign_by_sign(visitor: Visitor):
    assert visitor.practice.view().signs == ("B", "A", "L", "L")
    assert [visitor.shows(sign) for sign in "BAL"] == [False] * 3
    assert visitor.practice.view().at == 3
    assert visitor.shows("L")
    view = visitor.practice.view()
    assert (view.at, view.words, view.skipped) == (4, 1, ())


def test_a_wrong_sign_is_named_for_a_moment(visitor: Visitor):
    visitor.frame("S", 0.2)
    assert visitor.practice.view().taken_for is None, "in passing"
    visitor.shows("S")
    assert visitor.practice.view().taken_for == "S"
    assert visitor.practice.view().at == 0
    visitor.waits(WRONG_S + 0.5, hand=True)
    assert visitor.practice.view().taken_for is None


def test_the_last_sign_is_not_wrong_while_it_is_still_held(visitor: Visitor):
    visitor.frame("B", 1.0, "B")
    for _ in range(20):
        visitor.frame("B", 1.0)
    assert visitor.practice.view().taken_for is None
    visitor.frame(None)
    visitor.shows("B")
    assert visitor.practice.view().taken_for == "B"


def test_a_doubled_letter_is_shown_once_more(visitor: Visitor):
    for sign in "BA":
        visitor.shows(sign)
    visitor.frame("L", 1.0, "L")
    visitor.frame("L", 1.0)
    assert visitor.practice.view().once_more
    visitor.frame(None)
    assert not visitor.practice.view().once_more


def test_a_hand_that_shakes_has_let_nothing_go(visitor: Visitor):
    visitor.frame("B", 1.0, "B")
    visitor.shakes()
    visitor.frame("B", 1.0)
    assert visitor.practice.view().taken_for is None
    visitor.frame(None)
    visitor.shows("A")
    visitor.frame("L", 1.0, "L")
    visitor.shakes()
    visitor.frame("L", 1.0)
    assert visitor.practice.view().once_more


def test_what_was_read_before_its_turn_must_be_let_go(visitor: Visitor):
    visitor.frame("A", 1.0, "A")
    assert visitor.practice.view().taken_for == "A"
    visitor.practice.skip()
    visitor.frame("A", 1.0)
    assert visitor.practice.view().once_more


@pytest.mark.parametrize(("drawn", "begins"), [("J", "I"), ("Z", "D")])
def test_the_beginning_of_a_drawn_letter_is_not_wrong(visitor: Visitor, drawn: str, begins: str):
    visitor.practice.own_word((drawn, "A"))
    visitor.shows(begins)
    assert visitor.practice.view().taken_for is None
    visitor.shows(drawn)
    assert visitor.practice.view().at == 1


def test_who_struggles_may_skip(visitor: Visitor):
    visitor.waits(STRUGGLES_S + 1, hand=False)
    assert not visitor.practice.view().may_skip, "nobody tries"
    visitor.waits(STRUGGLES_S + 1, hand=True)
    assert visitor.practice.view().may_skip
    visitor.practice.skip()
    assert (visitor.practice.view().at, visitor.practice.view().skipped) == (1, (0,))
    assert not visitor.practice.view().may_skip
    assert [visitor.shows(sign) for sign in "ALL"][-1]
    assert visitor.practice.view().words == 0, "a word with a gap is not counted"
    visitor.practice.skip()
    assert visitor.practice.skips == 1, "nothing is left to skip"


def test_from_memory_and_the_next_one_by_itself(visitor: Visitor):
    for sign in "BAL":
        visitor.shows(sign)
    assert visitor.frame("L", 1.0, "L")
    visitor.practice.again()
    visitor.frame("L", 1.0)
    assert visitor.practice.view().taken_for is None, "the hand still shows how the word ended"
    view = visitor.practice.view()
    assert (view.signs, view.at, view.from_memory) == (("B", "A", "L", "L"), 0, True)
    for sign in "BALL":
        visitor.shows(sign)
    visitor.waits(DONE_S - 1, hand=False)
    assert visitor.practice.word == "BALL"
    visitor.waits(2, hand=False)
    assert visitor.practice.word != "BALL"
    assert not visitor.practice.view().from_memory


def test_words_become_harder_then_come_from_memory_and_never_run_out():
    levels = load_words("en")
    practice = Practice(words_for(LETTERS, levels), seed=2)
    seen = []
    for _ in range(60):
        seen.append((practice.word, practice.view().from_memory))
        visitor = Visitor(practice)
        for sign in practice.word:
            visitor.shows(sign)
        practice.next_word()
    enough = WORDS_A_LEVEL * len(levels)
    for level, words in enumerate(levels):
        assert {word for word, _ in seen[WORDS_A_LEVEL * level : WORDS_A_LEVEL * (level + 1)]} <= set(words)
    assert [word for word, _ in seen[enough : 2 * enough]] == [word for word, _ in seen[:enough]]
    assert [from_memory for _, from_memory in seen] == [enough <= at < 2 * enough for at in range(60)]
    assert {word for word, _ in seen[2 * enough :]} == set(levels[-1])


def test_a_word_of_which_a_sign_cannot_be_shown_from_memory_makes_way_for_the_next():
    levels = load_words("en")
    practice = Practice(words_for(LETTERS, levels), seed=2)
    for _ in range(WORDS_A_LEVEL * len(levels)):
        for sign in practice.word:
            Visitor(practice).shows(sign)
        practice.next_word()
    first = practice.word
    assert practice.view().from_memory
    practice.skip()
    practice.next_word()
    assert practice.view().from_memory
    assert practice.word != first


@pytest.mark.parametrize("word", ["", "ABCDEFGHIJKLM", "A B", "Ä", "nothing", "A1"])
def test_words_that_cannot_be_spelled_are_refused(word: str):
    with pytest.raises(ValueError, match="word: expected 1 to 12 signs"):
        spelled(word, LETTERS)


def test_a_sign_with_a_name_is_a_word():
    assert spelled("hello", ("hello", "thanks")) == ("hello",)


def test_another_language_goes_on_with_its_own_words():
    english, german = (words_for(LETTERS, load_words(language)) for language in ("en", "de"))
    visitor = Visitor(Practice(words_for(LETTERS, (("BIRD", "TREE", "CAT"),)), seed=1))
    visitor.practice.use_words(german)
    begun = visitor.practice.word
    assert tuple(begun) in german.levels[0], "at once: nothing was spelled yet"
    visitor.shows(begun[0])
    visitor.practice.use_words(english)
    assert visitor.practice.word == begun, "nobody is interrupted"
    visitor.practice.next_word()
    assert tuple(visitor.practice.word) in english.levels[0]
    visitor.practice.own_word(tuple("BIRD"))
    visitor.practice.use_words(german)
    assert visitor.practice.word == "BIRD"
