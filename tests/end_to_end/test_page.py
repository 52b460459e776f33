"""The kiosk's page as visitors meet it: the real program behind it, a real browser before it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import KEPT, STATIC, STRINGS, keep, resized, serious, too_small_for_fingers, until
from shown import Shown
from stage import Kiosk, Stage, held

from edge_asl_device.web.messages import Capturing, Sign

OpenPage = Callable[..., Any]
PICTURES = Path(__file__).parents[1] / "data" / "pictures"

WRITTEN = "document.getElementById('done').textContent + document.getElementById('word').textContent"

FIRST_HELLO = """() => new Promise((resolve) => {
  const source = new EventSource("/events");
  source.addEventListener("hello", (event) => {
    source.close();
    resolve(event.data);
  });
})"""

# A picture of 16 × 12 pixels of what the camera's <img> shows now: two differ when it moves.
PICTURE = """() => {
  const canvas = new OffscreenCanvas(16, 12), draw = canvas.getContext("2d");
  const image = document.getElementById("picture");
  if (!image.naturalWidth) return "";
  draw.drawImage(image, 0, 0, 16, 12);
  return String(draw.getImageData(0, 0, 16, 12).data);
}"""


def live(page: Any) -> None:
    page.wait_for_selector("body[data-link=up] #camera:not([data-fault])")


def moves(page: Any) -> None:
    """The camera's picture is there and another one follows."""
    until(page, f"({PICTURE})() !== ''")
    before = page.evaluate(PICTURE)
    until(page, f"(before) => ({PICTURE})() !== before", before)


def fault(page: Any, name: str) -> str:
    """What the page says over the camera's picture once it has that fault."""
    page.wait_for_selector(f"#camera[data-fault={name}] ~ #fault")
    return page.inner_text("#fault")


# ── What it shows ──────────────────────────────────────────────────────────────────────────────────────────────


def test_it_shows_what_the_film_spells(open_page: OpenPage, program: Kiosk):
    page = open_page(program.url)
    live(page)
    program.post("clear")
    page.evaluate("""() => {
      window.seen = { offsets: new Set(), letters: new Set(), lit: new Set(), full: false };
      const look = () => {
        const ring = document.querySelector("#ring .fill");
        seen.offsets.add(ring.style.strokeDashoffset);
        if (document.querySelector("#reading[data-phase=letter]")) seen.letters.add(letter.textContent);
        const tile = document.querySelector("#sheet [aria-current]");
        if (tile) seen.lit.add(tile.textContent);
        seen.full ||= taken.checkVisibility({ opacityProperty: true });
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    }""")
    until(page, "document.getElementById('written').innerText.includes('BALLY')", limit_s=30)
    moves(page)
    seen = page.evaluate(
        "({offsets: seen.offsets.size, letters: [...seen.letters], lit: [...seen.lit], full: seen.full})"
    )
    assert set("BALY") <= set(seen["letters"])
    assert set("BALY") <= set(seen["lit"])
    assert seen["offsets"] > 8, "the ring fills in steps"
    assert seen["full"], "a letter that became text is ticked"
    # From three metres: a capital of 1/8 of the screen's height, and text of 1/12.
    size = "(id) => parseFloat(getComputedStyle(document.getElementById(id)).fontSize) / innerHeight"
    assert page.evaluate(size, "letter") > 1 / 6
    assert page.evaluate(size, "window") > 1 / 12


@pytest.mark.parametrize("state", ["missing", "busy", "lost", "black", "frozen"])
def test_it_says_what_is_wrong_with_the_camera(open_page: OpenPage, program: Kiosk, stage: Stage, state: str):
    page = open_page(program.url)
    live(page)
    with held(stage, state):
        # Between two tries the camera may be starting or gone for a moment; the fault itself must be said.
        assert STRINGS["en"][f"camera.{state}"] in fault(page, state)
        assert page.is_visible("#fault-icon")
        assert page.get_attribute("#reading", "data-phase") == "out"
    live(page)
    moves(page)


def test_every_camera_state_has_strings_in_every_language():
    from edge_asl_device.camera import CameraState

    for language, strings in STRINGS.items():
        assert set(strings) == set(STRINGS["en"]), language
        for state in CameraState:
            assert state is CameraState.LIVE or strings[f"camera.{state}"], (language, state)


def test_html_and_modules_ask_only_for_strings_that_exist():
    import re

    html = (STATIC / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'data-(?:text|label)="([^"]+)"', html))
    for module in STATIC.glob("*.js"):
        asked |= set(re.findall(r'\bt\("([^"]+)"', module.read_text(encoding="utf-8")))
    assert asked
    assert asked <= set(STRINGS["en"])


def test_languages_by_address_and_by_button(open_page: OpenPage, program: Kiosk):
    page = open_page(f"{program.url}/?lang=de")
    page.wait_for_selector("html[lang=de]")
    live(page)
    assert page.inner_text("#clear") == STRINGS["de"]["action.clear"]
    for language in ("es", "en"):
        page.click("#language")
        page.wait_for_selector(f"html[lang={language}]")
        assert page.inner_text("#clear") == STRINGS[language]["action.clear"]
        assert page.title() == STRINGS[language]["title"]


def test_the_sheet_shows_what_can_be_signed(open_page: OpenPage, program: Kiosk):
    """The model's "nothing" is no sign."""
    page = open_page(program.url)
    live(page)
    assert page.locator("#sheet li").all_inner_texts() == ["A", "B", "L", "Y"]
    assert page.locator("#sheet li img").count() == 4
    until(page, "[...document.querySelectorAll('#sheet img')].every((image) => image.naturalWidth === 192)")


def test_signs_without_a_drawing_are_shown_as_words(open_page: OpenPage):
    with Shown(signs=(Sign("A", "/static/signs/A.webp"), Sign("hello", None))) as shown:
        page = open_page(shown.url, may_lose_server=True)
        live(page)
        assert page.locator("#sheet li").all_inner_texts() == ["A", "hello"]
        assert page.locator("#sheet li img").count() == 1


# ── What visitors do ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def spelled(open_page: OpenPage, program: Kiosk, stage: Stage):
    """A page with an unfinished word, suggestions for it, and a camera that adds nothing more to it."""
    page = open_page(program.url, has_touch=True)
    live(page)
    with held(stage, "missing"):
        fault(page, "missing")
        program.post("clear")
        becomes(page, "")
    live(page)
    until(page, "document.getElementById('word').textContent.length >= 2", limit_s=30)
    page.wait_for_selector(".suggestion")
    with held(stage, "missing"):
        fault(page, "missing")
        yield page
    program.post("mute", muted=True)
    program.post("clear")
    live(page)


def written(page: Any) -> str:
    return page.evaluate(WRITTEN)


def becomes(page: Any, text: str) -> None:
    until(page, f"(text) => {WRITTEN} === text", text)


def test_keys_clear_take_back_choose_and_speak(spelled: Any):
    page, before = spelled, written(spelled)
    page.keyboard.press("Backspace")
    becomes(page, before[:-1])
    page.keyboard.press("m")
    page.wait_for_selector("#mute[data-muted=false]")
    with page.expect_response("**/api/speak") as answer:
        page.keyboard.press("s")
    assert answer.value.status == 204
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#help:not([open])", state="attached")
    assert written(page) == before[:-1], "Esc closed the sheet and cleared nothing"
    page.keyboard.press("Escape")
    becomes(page, "")
    assert page.is_disabled("#undo")


def test_single_keys_can_be_turned_off(spelled: Any):
    page = spelled
    page.click("#open-help")
    page.click("#single-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    becomes(page, "")
    assert page.get_attribute("#mute", "data-muted") == "true"


def test_touch_clears_takes_back_and_chooses(spelled: Any):
    page, before = spelled, written(spelled)
    word = page.locator(".suggestion").first.inner_text()
    page.locator(".suggestion").first.tap()
    until(page, "(word) => document.getElementById('done').textContent.includes(word)", word)
    page.tap("#undo")
    becomes(page, before)
    page.tap("#clear")
    becomes(page, "")


# ── Between visitors ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def short_visits(another: Callable[..., Kiosk], golden_bundle: Path, tmp_path: Path) -> tuple[Kiosk, Stage]:
    """A kiosk that forgets a visitor after 6 s, with a voice, and its camera."""
    stage = Stage(tmp_path / "camera")
    return another("run", golden_bundle, "--source", stage.source, "--clear-after", "6"), stage


def spells_something(page: Any) -> None:
    live(page)
    until(page, "document.getElementById('word').textContent.length >= 2", limit_s=30)


def test_the_next_visitor_finds_nothing_of_the_last_one(short_visits: tuple[Kiosk, Stage], open_page: OpenPage):
    """Neither text, undo, suggestions, language, an open help nor a silenced voice; nor on a page opened afterwards."""
    kiosk, stage = short_visits
    page = open_page(kiosk.url)
    spells_something(page)
    has_voice = page.is_visible("#mute")
    if has_voice:
        page.click("#mute")
        page.wait_for_selector("#mute[data-muted=true]")
    page.click("#language")
    page.click("#open-help")
    stage.set("missing")
    page.wait_for_selector("#leaving", state="visible", timeout=10_000)
    assert page.inner_text("#leaving-title") == STRINGS["de"]["leaving.title"]
    page.wait_for_selector("#help:not([open])", state="attached")
    until(page, f"{WRITTEN} === ''", limit_s=15)
    page.wait_for_selector("#leaving", state="hidden")
    assert page.get_attribute("html", "lang") == "en"
    later = open_page(kiosk.url)
    for seen in (page, later):
        seen.wait_for_selector("body[data-link=up]")
        assert seen.is_disabled("#undo")
        assert seen.is_disabled("#clear")
        seen.keyboard.press("Backspace")
        kiosk.post("undo")
        assert written(seen) == ""
        assert seen.locator(".suggestion:visible").count() == 0
        assert not has_voice or seen.get_attribute("#mute", "data-muted") == "false"


def test_who_is_still_there_gets_more_time(short_visits: tuple[Kiosk, Stage], open_page: OpenPage):
    kiosk, stage = short_visits
    page = open_page(kiosk.url)
    spells_something(page)
    stage.set("missing")
    for _ in range(2):
        page.wait_for_selector("#leaving", state="visible", timeout=10_000)
        assert serious(page) == []
        before = written(page)
        page.click("#stay")
        page.wait_for_selector("#leaving", state="hidden")
        assert written(page) == before != ""


def test_it_is_only_called_private_where_it_is(
    another: Callable[..., Kiosk], open_page: OpenPage, program: Kiosk, golden_bundle: Path, tmp_path: Path
):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("0123456789abcdef")
    serving = ("--host", "0.0.0.0", "--token-file", str(token))
    shared = another("run", golden_bundle, "--source", PICTURES, "--mute", *serving)
    for url, promise in ((program.url, "help.private"), (f"{shared.url}/?token=0123456789abcdef", "help.shared")):
        page = open_page(url)
        page.wait_for_selector("body[data-link=up]")
        assert page.locator(".private").all_text_contents() == [STRINGS["en"][promise]] * 2


# ── Access ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_serious_while_reading(open_page: OpenPage, program: Kiosk, language: str):
    page = open_page(f"{program.url}/?lang={language}")
    live(page)
    page.wait_for_selector("#reading[data-phase=letter]")
    assert serious(page) == []
    page.click("#open-help")
    page.wait_for_selector("#help[open]")
    assert serious(page) == []


def test_axe_finds_nothing_serious_in_a_fault(open_page: OpenPage, program: Kiosk, stage: Stage):
    page = open_page(program.url)
    live(page)
    with held(stage, "missing"):
        fault(page, "missing")
        page.wait_for_timeout(400)
        assert serious(page) == []


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_reduced_motion_is_honoured(open_page: OpenPage, program: Kiosk, motion: str):
    page = open_page(program.url, reduced_motion=motion)
    live(page)
    page.evaluate("""() => {
      window.moved = 0;
      window.changed = 0;
      const look = () => {
        changed += 1;
        moved += document.getAnimations().filter((a) => a.effect.getTiming().duration > 0).length;
        requestAnimationFrame(look);
      };
      look();
    }""")
    until(page, "changed > 20 && document.getElementById('said').textContent !== ''")
    page.wait_for_timeout(300)
    assert (page.evaluate("moved") > 0) == (motion == "no-preference")


# ── Every screen ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def long_text() -> list[str]:
    sentence = "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG"
    return [*sentence.split(" "), "DONAUDAMPFSCHIFFFAHRTSGESELLSCHAFTSKAPITÄN", "END"]


@pytest.mark.parametrize("language", ["de", "es"])
def test_nothing_is_cut_on_any_screen(open_page: OpenPage, program: Kiosk, language: str):
    page = open_page(f"{program.url}/?lang={language}")
    live(page)
    cut = {}
    for size, found in resized(page):
        cut[size] = found
        if size in KEPT:
            page.wait_for_selector("#reading[data-phase=letter] #letter")
            keep(page, f"read-{language}-{size[0]}x{size[1]}")
    assert {size: found for size, found in cut.items() if found} == {}


@pytest.mark.parametrize("language", ["de", "es"])
def test_faults_and_long_texts_fit_every_screen(
    open_page: OpenPage, program: Kiosk, stage: Stage, language: str, long_text: list[str]
):
    page = open_page(f"{program.url}/?lang={language}")
    live(page)
    cut = {}
    with held(stage, "busy"):
        fault(page, "busy")
        for word in long_text * 3:
            program.post("choose", word=word)
        until(page, "document.getElementById('written').innerText.trim().endsWith('END')")
        for size, found in resized(page):
            cut[size] = found
            # The end of the text is what the visitor is writing: it must be seen, in whole lines.
            end, window = (page.locator(part).bounding_box() for part in ("#caret", "#window"))
            if not (end["y"] >= window["y"] and end["y"] + end["height"] <= window["y"] + window["height"] + 1):
                cut[size].append("the end of the text is not seen")
            if size in KEPT:
                keep(page, f"busy-{language}-{size[0]}x{size[1]}")
        program.post("clear")
    assert {size: found for size, found in cut.items() if found} == {}


# ── Storing pictures ───────────────────────────────────────────────────────────────────────────────────────────


def test_storing_pictures_cannot_be_overlooked(
    another: Callable[..., Kiosk], open_page: OpenPage, stage: Stage, golden_bundle: Path, tmp_path: Path
):
    folder = str(tmp_path / "stored")
    program = another(
        "capture", str(golden_bundle), folder, "--person", "anna", "--count", "400", "--source", stage.source
    )
    page = open_page(program.url)
    page.wait_for_selector("body[data-mode=capture] #capture-banner")
    live(page)
    assert STRINGS["en"]["capture.banner"] in page.inner_text("#capture-banner")
    page.wait_for_selector("#capture[data-phase=storing]")
    until(page, "parseInt(document.getElementById('capture-count').textContent) > 1")
    assert "anna" in page.inner_text("#capture-who")
    assert not page.is_visible("#actions")
    assert page.get_attribute("#capture-picture", "src") == "/static/signs/A.webp", "how it is shown"
    cut = {}
    for size, found in resized(page):
        cut[size] = found + ([] if page.is_visible("#capture-picture") else ["no drawing"])
        if size in KEPT:
            keep(page, f"capture-{size[0]}x{size[1]}")
    assert {size: found for size, found in cut.items() if found} == {}
    page.set_viewport_size({"width": 1280, "height": 720})
    assert serious(page) == []


@pytest.mark.parametrize("language", ["de", "es"])
def test_storing_pictures_fits_every_screen(open_page: OpenPage, language: str):
    with Shown(guide="anywhere", mode="capture") as shown:
        page = open_page(f"{shown.url}/?lang={language}", may_lose_server=True)
        cut = {}
        for phase in ("storing", "disk-full"):
            capture = Capturing("anna", "W", 13, 40, 3, 24, phase, 0.0, looks_like="V")
            shown.show(capture=capture, voice="absent")
            page.wait_for_selector(f"#capture[data-phase={phase}]")
            for size, found in resized(page):
                cut[phase, size] = found
            cut[phase, "fingers"] = too_small_for_fingers(page)
    assert {state: found for state, found in cut.items() if found} == {}


def test_help_while_storing_pictures_is_about_that(open_page: OpenPage):
    """Buttons and keys that only reading has would answer that they are not available."""
    with Shown(guide="anywhere", mode="capture") as shown:
        page = open_page(shown.url, may_lose_server=True)
        shown.show(capture=Capturing("anna", "W", 13, 40, 3, 24, "storing", 0.0), voice="absent")
        page.wait_for_selector("#capture[data-phase=storing]")
        page.click("#open-help")
        assert page.is_visible("#step-1")
        assert page.is_visible("#left-hand")
        for part in ("#slower", "#keys", "#single-keys", "[data-text='help.step-3']"):
            assert not page.is_visible(f"#help {part}"), part


# ── Weeks ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def guarded(
    stage: Stage, golden_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Kiosk, Path]]:
    """A program that asks for a token and may be stopped, and the file with the token."""
    folder = tmp_path_factory.mktemp("guarded")
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("swordfish-swordfish-swordfish")
    arguments = ("--source", stage.source, "--mute", "--token-file", str(token))
    program = Kiosk("run", golden_bundle, *arguments)
    program.start()
    yield program, token
    program.stop()


@pytest.fixture
def admitted(open_page: OpenPage, guarded: tuple[Kiosk, Path]) -> Any:
    """Its page, with the right token."""
    program, token = guarded
    page = open_page(f"{program.url}/?token={token.read_text()}", may_lose_server=True)
    live(page)
    return page


def test_it_recovers_by_itself_when_the_program_restarts(admitted: Any, guarded: tuple[Kiosk, Path]):
    page, (program, _) = admitted, guarded
    moves(page)
    loaded = page.evaluate("performance.timeOrigin")
    program.stop()
    assert STRINGS["en"]["link.connecting"] in fault(page, "connecting")
    assert page.is_disabled("#mute")
    look = "(id) => getComputedStyle(document.getElementById(id)).backgroundColor"
    assert page.evaluate(look, "practise") == page.evaluate(look, "mute"), "nor does the other look as if it worked"
    program.start()
    page.wait_for_selector("body[data-link=up]", timeout=4_000)
    live(page)
    moves(page)
    assert page.evaluate("performance.timeOrigin") == loaded, "the same page, not loaded anew"


def test_it_notices_a_program_that_says_nothing(admitted: Any, guarded: tuple[Kiosk, Path]):
    page, (program, _) = admitted, guarded
    program.send(signal.SIGSTOP)
    try:
        page.wait_for_selector("#camera[data-fault=connecting]", state="attached", timeout=14_000)
    finally:
        program.send(signal.SIGCONT)
    live(page)
    moves(page)


def test_another_program_brings_its_own_page_once(admitted: Any, guarded: tuple[Kiosk, Path]):
    """The events say what those of the next release will; everything else is this one."""
    page, (program, _) = admitted, guarded
    said = json.loads(page.evaluate(FIRST_HELLO)) | {"program": "9.9.9"}
    body = f"event: hello\ndata: {json.dumps(said)}\n\n"
    started = False

    def answer(route: Any) -> None:
        if started:
            route.fulfill(body=body, content_type="text/event-stream")
        else:
            route.abort()

    page.route("**/events", answer)
    page.evaluate("window.old = true")
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    program.stop()
    program.start()
    started = True
    for _ in range(200):
        page.wait_for_timeout(50)  # nothing may be asked of a page that is just being replaced
        if loads:
            break
    page.wait_for_timeout(2_500)
    assert len(loads) == 1
    assert page.evaluate("window.old") is None


def test_it_asks_for_a_token(admitted: Any, guarded: tuple[Kiosk, Path]):
    page, (program, token) = admitted, guarded
    program.stop()
    token.write_text("another-another-another-another")
    program.start()
    assert STRINGS["en"]["link.token"] in fault(page, "token")


def test_it_does_not_grow(open_page: OpenPage, program: Kiosk):
    page = open_page(program.url)
    live(page)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def count() -> dict[str, float]:
        devtools.send("HeapProfiler.collectGarbage")
        found = devtools.send("Performance.getMetrics")["metrics"]
        return {m["name"]: m["value"] for m in found if m["name"] in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}

    page.wait_for_timeout(1_000)
    before = count()
    # A hundred and fifty states, some letters.
    page.wait_for_timeout(5_000)
    after = count()
    assert after["JSEventListeners"] == before["JSEventListeners"]
    assert after["Nodes"] <= before["Nodes"] + 20
    assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + 300_000
