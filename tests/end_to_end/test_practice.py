"""Practice as visitors meet it: words spelled with drawn hands through the real program, and every screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from screens import STRINGS, keep, resized, serious, too_small_for_fingers, until
from shown import Shown
from stage import Kiosk, Stage, held

from edge_asl_device.text.practice import Exercise
from edge_asl_device.web.messages import CameraView, Letter, Sign, Visit

OpenPage = Callable[..., Any]
ANY_IMPACT = ("minor", "moderate", "serious", "critical")

DONE = "[...document.querySelectorAll('#spelling [data-is=done]')].map((node) => node.textContent).join('')"


def practising(word: str, **changed: Any) -> Exercise:
    values = {"at": 0, "skipped": (), "from_memory": False, "taken_for": None, "once_more": False, "may_skip": False}
    return Exercise(**values | {"words": 0} | changed, signs=tuple(word))


@pytest.fixture
def kiosk(another: Callable[..., Kiosk], golden_bundle: Any, stage: Stage) -> Kiosk:
    """Reads the film of BALLY over and over."""
    return another("run", golden_bundle, "--source", stage.source, "--mute", "--clear-after", "8")


def spells(page: Any, word: str) -> None:
    """Until the drawn hand has spelled it."""
    until(page, f"(word) => {DONE} === word", word, limit_s=40)


def own_word(page: Any, word: str) -> None:
    page.wait_for_timeout(600)  # taps.js takes a tap that follows sooner for half of a double one
    page.click("#open-own")
    page.keyboard.type(word)
    page.click("#own-start")
    until(page, "(word) => document.getElementById('spelling').textContent === word", word.upper())


def test_three_words_from_memory_and_with_a_skip(kiosk: Kiosk, open_page: OpenPage, stage: Stage):
    page = open_page(kiosk.url)
    page.wait_for_selector("body[data-link=up] #camera:not([data-fault])")
    with held(stage, "missing"):  # the first exercise is another one, which the film would spell as well
        page.keyboard.press("p")
        page.wait_for_selector("#practice", state="visible")
        assert page.inner_text("#spelling") in ("A", "B", "L", "Y"), "this model reads too few letters for words"
        own_word(page, "ball")
    for word in ("ball", "all"):
        if word != "ball":
            own_word(page, word)
        assert page.is_visible("#shape-picture")
        spells(page, word.upper())
        assert page.inner_text("#coach") == STRINGS["en"]["practice.done"]
    page.click("#again")
    page.wait_for_selector("#shape[data-shows=name]")
    until(
        page, "(line) => document.getElementById('coach').textContent === line", STRINGS["en"]["practice.from-memory"]
    )
    spells(page, "ALL")
    page.click("#next-word")  # of so few signs, three words were enough: they come again, from memory
    until(page, "document.getElementById('spelling').textContent === 'BALL'")
    assert page.get_attribute("#shape", "data-shows") == "name"
    own_word(page, "bay")  # the film shows L instead
    until(page, "document.getElementById('coach').textContent.startsWith('That looks like L')", limit_s=40)
    assert page.locator("#coach[data-wrong]").count() == 1
    spells(page, "BAY")
    page.click("#next-word")
    with held(stage, "missing"):
        own_word(page, "ya")
        kiosk.post("practice", do="skip")  # its button comes after ten seconds of trying
        page.wait_for_selector("#spelling [data-is=skipped]")
    spells(page, "A")
    left_out = {"label": "Y", "form": STRINGS["en"]["form.Y"]}
    assert page.inner_text("#coach") == STRINGS["en"]["practice.nearly"].format(**left_out)
    assert page.get_attribute("#shape-picture", "alt") == STRINGS["en"]["sign.alt"].replace("{label}", "Y"), "left out"
    told = page.request.get(f"{kiosk.url}/metrics").text()
    assert "edge_asl_practice_words_total 4.0" in told
    assert "edge_asl_practice_skips_total 1.0" in told
    assert "ball" not in told.lower(), "what was spelled stays here"


def test_it_is_no_text_and_ends_with_the_visit(kiosk: Kiosk, open_page: OpenPage, stage: Stage):
    page = open_page(kiosk.url)
    until(page, "document.getElementById('word').textContent.length >= 2", limit_s=30)
    page.click("#practise")
    page.wait_for_selector("#practice", state="visible")
    text = page.evaluate("document.getElementById('done').textContent + document.getElementById('word').textContent")
    own_word(page, "ball")
    spells(page, "BALL")
    page.click("#stop")
    page.wait_for_selector("#text", state="visible")
    written = page.evaluate("document.getElementById('done').textContent + document.getElementById('word').textContent")
    assert written.startswith(text)
    assert "BALLBALL" not in written
    kiosk.post("practice", do="start", word="LAB")
    page.wait_for_selector("#practice", state="visible")
    stage.set("missing")
    try:
        page.wait_for_selector("#practice", state="hidden", timeout=20_000)
    finally:
        stage.set("live")


@pytest.mark.parametrize("asked", [{"do": "start", "word": "ÄÖ"}, {"do": "start", "word": 7}, {"do": "dance"}, {}])
def test_what_cannot_be_practised_is_refused(program: Kiosk, asked: dict[str, object]):
    program.post("practice", refused=True, **asked)


# ── Every screen ───────────────────────────────────────────────────────────────────────────────────────────────

STATES = {
    "practice": practising("MUSEUM", at=2),
    "practice-wrong": practising("RAINBOW", at=1, taken_for="Q", may_skip=True),
    "practice-memory": practising("DSCHUNGEL", at=3, from_memory=True, skipped=(1,)),
    "practice-done": practising("ELEPHANT", at=8),
    "practice-nearly": practising("FABULOUS", at=8, skipped=(0,)),  # with the most words
}


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with Shown(attract_after_s=0.5) as server:
        yield server


@pytest.mark.parametrize("language", ["de", "es"])
def test_practice_fits_every_screen(open_page: OpenPage, shown: Shown, language: str):
    page = open_page(f"{shown.url}/?lang={language}")
    cut = {}
    for name, practice in STATES.items():
        shown.show(practice=practice, letter=Letter("Q", 0.9, 0.5), open_hand=0.6, visit=Visit(1, True))
        until(page, "(word) => document.getElementById('spelling').textContent === word", "".join(practice.signs))
        assert page.is_visible("#skip") == practice.may_skip
        for size, found in resized(page):
            whole = page.evaluate("(({ scrollHeight, clientHeight }) => scrollHeight < clientHeight * 1.2)(coach)")
            cut[name, size] = found + ([] if whole else ["the advice is cut"])
            keep(page, f"{name}-{language}-{size[0]}x{size[1]}")
    assert {state: found for state, found in cut.items() if found} == {}


@pytest.mark.parametrize("language", ["en", "de"])
def test_fingers_find_every_button(open_page: OpenPage, shown: Shown, language: str):
    page = open_page(f"{shown.url}/?lang={language}")
    shown.show(visit=Visit(1, True), suggestions=("WORLD", "WORK", "WORD"), undoable=True)
    page.wait_for_selector(".suggestion", state="visible")
    found = {"read": too_small_for_fingers(page)}
    for name, practice in STATES.items():
        shown.show(practice=practice, visit=Visit(1, True))
        until(page, "(word) => document.getElementById('spelling').textContent === word", "".join(practice.signs))
        found[name] = too_small_for_fingers(page)
    shown.show(practice=STATES["practice"], visit=Visit(1, True))
    for dialog in ("own", "help"):
        page.click(f"#open-{dialog}")
        found[dialog] = too_small_for_fingers(page)
        page.keyboard.press("Escape")
    assert {state: buttons for state, buttons in found.items() if buttons} == {}


def test_axe_finds_nothing_at_all(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    found = {}
    for name, practice in STATES.items():
        shown.show(practice=practice, visit=Visit(1, True))
        until(page, "(word) => document.getElementById('spelling').textContent === word", "".join(practice.signs))
        page.wait_for_timeout(400)
        found[name] = serious(page, ANY_IMPACT)
    shown.show(practice=STATES["practice"], visit=Visit(1, True))
    page.click("#open-own", timeout=5_000)
    page.keyboard.type("mia")
    found["own"] = serious(page, ANY_IMPACT)
    assert page.inner_text("#own-word") == "MIA"
    page.keyboard.press("Backspace")
    assert page.inner_text("#own-word") == "MI"
    page.keyboard.press("Escape")
    assert {state: rules for state, rules in found.items() if rules} == {}


def test_a_word_that_is_full_takes_no_more_and_shows_it(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    shown.show(practice=STATES["practice"], visit=Visit(1, True))
    page.click("#open-own")
    page.keyboard.type("abcdefabcdefg")
    assert page.inner_text("#own-word") == "ABCDEFABCDEF"
    assert page.locator("#own-keys button:enabled").count() == 0
    page.keyboard.press("Backspace")
    assert page.locator("#own-keys button:disabled").count() == 0


def test_enter_presses_the_button_that_has_the_focus_and_else_begins(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "practice" in request.url else None)
    shown.show(practice=STATES["practice"], visit=Visit(1, True))
    page.click("#open-own")
    page.keyboard.type("mia")
    page.focus("#own-delete")
    page.keyboard.press("Enter")
    assert page.inner_text("#own-word") == "MI"
    page.focus("#own-line")
    page.keyboard.press("Enter")
    page.wait_for_selector("#own", state="hidden")
    until(page, "() => true")
    assert any('"MI"' in data for data in asked), asked


def test_who_comes_while_the_page_sleeps_finds_nothing_of_the_last_one(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    shown.show(visit=Visit(1, True))
    page.wait_for_selector("body[data-link=up]")
    page.wait_for_timeout(300)
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    shown.show(visit=Visit(1, True), text="HELLO AGAIN")
    page.wait_for_timeout(300)
    assert page.is_visible("#help")
    shown.show(visit=Visit(2, True))
    page.wait_for_selector("#help", state="hidden")


KEYS = """(typed) => [...typed].forEach((key) =>
  document.getElementById("own-close").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))"""


def test_a_name_is_typed_as_the_hand_spells_it(open_page: OpenPage, shown: Shown):
    """No accents, an umlaut as two letters in German; what is no sign is not written."""
    for language, typed, read in (("de", "jörg-ß", "JOERGSS"), ("es", "José Núñ", "JOSENUN"), ("en", "Ö1 Zoë", "OZOE")):
        page = open_page(f"{shown.url}/?lang={language}")
        shown.show(practice=STATES["practice"], visit=Visit(1, True))
        page.click("#open-own")
        page.evaluate(KEYS, typed)  # Playwright's keyboard has no such letters
        assert page.inner_text("#own-word") == read, language
        page.context.close()


def test_what_cannot_be_read_is_said_wherever_signs_are_shown(open_page: OpenPage):
    """Also where there is no room for the sheet beside the camera."""
    signs = tuple(Sign(letter, f"/static/signs/{letter}.webp") for letter in "ABCDEFGHIKLMNOPQRSTUVWXY")
    with Shown(signs=signs) as server:
        page = open_page(server.url, (800, 480), may_lose_server=True)
        server.show(practice=STATES["practice"], visit=Visit(1, True))
        said = STRINGS["en"]["sheet.missing"].replace("{letters}", "J Z")
        for dialog in ("help", "own"):
            page.click(f"#open-{dialog}")
            assert page.locator(f"#{dialog} .missing").inner_text() == said
            page.keyboard.press("Escape")


DOUBLE_TAP = """([first, second, later]) => {
  const { left, top } = document.getElementById(first).getBoundingClientRect();
  const tap = (id) => document.getElementById(id).dispatchEvent(
    new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1, clientX: left + 9, clientY: top + 9 }));
  tap(first);
  tap(second);
  return new Promise((resolve) => setTimeout(() => { tap(later); resolve(); }, 700));
}"""


def test_the_second_half_of_a_double_tap_presses_nothing(open_page: OpenPage, shown: Shown):
    """Where "Write freely" was, "Clear" is as soon as practice has ended; beside a dialog that has just opened, a tap
    would close it.
    """
    page = open_page(shown.url)
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url.rpartition("/")[2]))
    shown.show(visit=Visit(1, True), undoable=True)
    page.wait_for_selector("#clear:enabled")
    page.evaluate(DOUBLE_TAP, ["practise", "clear", "undo"])
    page.wait_for_timeout(300)
    assert sent == ["practice", "undo"]
    sent.clear()
    page.evaluate(DOUBLE_TAP, ["undo", "undo", "clear"])  # of the same button, both count
    page.wait_for_timeout(300)
    assert sent == ["undo", "undo", "clear"]
    page.evaluate(DOUBLE_TAP, ["open-help", "help", "help-title"])
    assert page.is_visible("#help")


def test_the_drawings_turn_with_the_mirror_and_the_hand(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    for left, turned in ((False, True), (True, False)):
        shown.show(left=left, visit=Visit(1, True))
        until(page, "(turned) => document.body.hasAttribute('data-turned') === turned", turned)
    page.click("#open-help")
    assert page.is_checked("#left-hand input")
    page.uncheck("#left-hand input")
    until(page, "document.body.hasAttribute('data-turned')")
    shown.show(left=True, visit=Visit(1, False))
    until(page, "!document.body.hasAttribute('data-turned')")


@pytest.mark.parametrize("mirror", [True, False], ids=["mirrored", "as it is"])
def test_a_hand_beckons_where_a_right_one_is_seen(open_page: OpenPage, mirror: bool):
    middle = "(({ left, width }) => left + width / 2)"
    with Shown(guide="anywhere", mirror=mirror) as server:
        page = open_page(server.url, may_lose_server=True)
        server.show(scene="no-hand", visit=Visit(1, True))
        page.wait_for_selector("#camera[data-scene=no-hand]")
        ghost, camera = (
            page.evaluate(f"{middle}(document.getElementById('{name}').getBoundingClientRect())")
            for name in ("ghost", "camera")
        )
    assert (ghost > camera) == mirror


def test_it_attracts_when_nobody_is_there(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    shown.show(scene="no-hand", visit=Visit(1, True), text="")
    page.wait_for_selector("#reading[data-phase=idle]")
    shown.show(scene="no-hand", visit=Visit(1, False), text="")
    page.wait_for_selector("#reading[data-phase=attract]")
    cut = {}
    for size, found in resized(page):
        cut[size] = found
        keep(page, f"attract-{size[0]}x{size[1]}")
    assert {size: found for size, found in cut.items() if found} == {}
    assert "HELLO" in page.inner_text("#attract-text")
    until(page, "document.getElementById('example').textContent === 'HELLO'")
    assert not page.is_visible("#placeholder")
    shown.show(scene="no-hand", visit=Visit(1, False), text="HE")
    until(page, "document.getElementById('example').textContent === ''")  # nothing is added to what somebody has left
    shown.show(scene="hand", visit=Visit(2, True), letter=Letter("B", 0.9, 0.2))
    page.wait_for_selector("#reading[data-phase=letter]")
    assert not page.is_visible("#attract")


def test_a_camera_that_fails_attracts_nobody(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    shown.show(scene="no-hand", visit=Visit(1, False), camera=CameraView("missing", None))
    page.wait_for_timeout(2_000)
    assert page.get_attribute("#reading", "data-phase") == "out"


def test_a_wrong_sign_is_not_praised(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    ticked = "document.getElementById('taken').checkVisibility({ opacityProperty: true })"
    for sign, taken_for in (("N", None), ("M", "M")):
        practice = practising("NO", at=1 if taken_for is None else 0, taken_for=taken_for)
        shown.show(practice=practice, letter=Letter(sign, 0.9, 1.0), visit=Visit(1, True))
        until(page, "(sign) => document.getElementById('letter').textContent === sign", sign)
        until(page, f"(right) => {ticked} === right", taken_for is None)
        assert (page.inner_text("#sureness") == STRINGS["en"]["sure.taken"]) == (taken_for is None)
        assert page.get_attribute("#hand", "data-sure") in (None, "taken" if taken_for is None else "letter")


def test_from_memory_no_picture_is_beside_it_until_long_tried(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url, (1280, 720))
    for practice, pictured in (
        (practising("CAT"), True),
        (practising("CAT", from_memory=True), False),
        (practising("CAT", from_memory=True, may_skip=True), True),
    ):
        shown.show(practice=practice, visit=Visit(1, True))
        page.wait_for_selector(f"#shape[data-shows={'picture' if pictured else 'name'}]")
        assert page.is_visible("#sheet img >> nth=0") == (not practice.from_memory)
        assert (page.inner_text("#coach") == STRINGS["en"]["form.C"]) == pictured
    shown.show(practice=practising("CAT", from_memory=True, at=3), visit=Visit(1, True))
    page.wait_for_selector("#shape[data-shows=done]")
    assert page.is_visible("#sheet img >> nth=0")


def test_keys_leave_the_hidden_text_alone(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url.rpartition("/")[2]))
    suggested = {"suggestions": ("WORLD", "WORK"), "undoable": True, "visit": Visit(1, True)}
    for practice, expected in (
        (None, ["clear", "undo", "speak", "choose"]),
        (practising("CAT"), ["practice"]),  # Esc ends it
    ):
        shown.show(practice=practice, **suggested)
        page.wait_for_selector("#undo:enabled" if practice is None else "#practice")  # keys before the state do nothing
        sent.clear()
        for key in ("Escape", "Backspace", "s", "1", "3"):
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        assert [name for name in sent if name != "stay"] == expected


def test_who_practises_is_asked_before_it_ends(open_page: OpenPage, shown: Shown):
    page = open_page(shown.url)
    for practice, asked in ((None, False), (practising("CAT", at=1), True)):
        shown.show(practice=practice, text="", word="", visit=Visit(1, True, 14))
        page.wait_for_selector("#practice", state="visible" if asked else "hidden")
        assert page.is_visible("#leaving") == asked


def test_who_has_chosen_something_is_asked_before_it_goes(open_page: OpenPage, shown: Shown):
    """More time for each sign, or a language: with the visit it ends as well."""
    page = open_page(shown.url)
    nothing = {"text": "", "word": "", "visit": Visit(1, True, 14)}
    shown.show(slow=True, **nothing)
    page.wait_for_selector("#leaving", state="visible")
    shown.show(slow=False, **nothing)
    page.wait_for_selector("#leaving", state="hidden")
    page.click("#language")
    shown.show(fps=29.0, **nothing)
    page.wait_for_selector("#leaving", state="visible")
    assert page.inner_text("#leaving-title") == STRINGS["de"]["leaving.title"]
