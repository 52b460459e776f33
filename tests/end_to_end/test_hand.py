"""The followed hand over the picture, and what the page says while nothing is read; in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from screens import STRINGS, keep, resized, serious, until
from shown import Shown

from edge_asl_device.web.messages import CameraView, Doubt, HandView, Hello, Letter, Notice, SquareView

OpenPage = Callable[..., Any]

PHONE, TABLET, FULL_HD, PORTRAIT = (360, 640), (1024, 768), (1920, 1080), (1080, 1920)
FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
BLACK: NDArray[np.uint8] = np.zeros((480, 640, 3), np.uint8)
# What to do is read from where the hand is shown.
FROM_AFAR = ((1280, 720), (1920, 1080))
WORDS_SIZE = (
    "parseFloat(getComputedStyle(document.getElementById('doubt')).fontSize) / Math.min(innerHeight, innerWidth)"
)
OPACITY = "getComputedStyle(document.getElementById('hand')).opacity"
# Above it a pixel of a black picture is drawn on.
LIT = 100


def drawn_hand(x: float = 250, y: float = 420) -> HandView:
    """An open hand that is not its own mirror image, left of the middle, in a frame of 640 × 480."""
    points = [(x, y)]
    for finger in range(5):
        for joint in range(4):
            points.append((x - 130 + 58 * finger + 4 * joint, y - 90 - (34 + 8 * finger) * joint - 18 * finger))
    return HandView(tuple((round(px), round(py)) for px, py in points))


HAND = drawn_hand()
SQUARE = SquareView(70, 60, 400)


def dotted(hand: HandView) -> NDArray[np.uint8]:
    """A picture with a dot at each landmark: where the skeleton's joints belong."""
    picture = BLACK.copy()
    for point in hand.landmarks:
        cv2.circle(picture, point, 9, (255, 0, 0), -1)
    return picture


def photographed(page: Any) -> NDArray[np.uint8]:
    """RGB uint8 of the camera's box, with and without what lies on the picture."""
    png = page.locator("#camera").screenshot()
    found = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def dots(page: Any) -> list[tuple[float, float]]:
    """Their centres once the picture is there."""
    for _ in range(30):
        seen = photographed(page)
        red = ((seen[:, :, 0] > LIT) & (seen[:, :, 2] < LIT)).astype(np.uint8)
        count, _, _, centres = cv2.connectedComponentsWithStats(red)
        if count == 1 + len(HAND.landmarks):
            return [(float(x), float(y)) for x, y in centres[1:]]
        page.wait_for_timeout(100)
    raise AssertionError(f"{count - 1} dots in the picture")


def lit(seen: NDArray[np.uint8], x: float, y: float) -> bool:
    """Whether something light is drawn within a pixel of (x, y)."""
    return bool(seen[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max() > LIT)


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with Shown(attract_after_s=0.0) as server:
        yield server


@pytest.fixture
def page(open_page: OpenPage, shown: Shown) -> Any:
    shown.show(scene="no-hand")
    return live(open_page(shown.url, FULL_HD))


def live(page: Any) -> Any:
    page.wait_for_selector("body[data-link=up] #camera:not([data-fault])")
    return page


# ── The skeleton ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mirror", [True, False], ids=["mirrored", "as it is"])
def test_the_skeleton_lies_on_the_hand(open_page: OpenPage, mirror: bool):
    with Shown(mirror=mirror) as server:
        page = live(open_page(server.url))
        wrong = {}
        for width, height in (PHONE, TABLET, FULL_HD, PORTRAIT):
            page.set_viewport_size({"width": width, "height": height})
            server.show(dotted(HAND))
            until(page, f"{OPACITY} === '0'")
            joints = dots(page)
            server.show(BLACK, hand=HAND, square=SQUARE)
            until(page, f"{OPACITY} === '1'")
            wrong[width, height] = misdrawn(page, joints)
    assert {size: found for size, found in wrong.items() if found} == {}


def misdrawn(page: Any, joints: list[tuple[float, float]]) -> list[str]:
    """What is wrong with the skeleton over a black picture in which the joints belong there."""
    for _ in range(20):  # a browser shows a picture some frames later
        page.wait_for_timeout(100)
        seen = photographed(page)
        found = [f"no joint at {x:.0f}, {y:.0f}" for x, y in joints if not lit(seen, x, y)]
        outside = seen.max(axis=2) > LIT
        box = np.float32(joints)
        margin = 0.4 * float(np.ptp(box, axis=0).max())
        left, top = np.maximum(0, box.min(axis=0) - margin).astype(int)
        right, bottom = (box.max(axis=0) + margin).astype(int)
        outside[top : bottom + 1, left : right + 1] = False
        if outside[4:-4, 4:-4].any():
            found.append("something far from the hand")
        if not found:
            break
    return found


def test_it_has_every_bone_and_joint(shown: Shown, page: Any):
    shown.show(hand=HAND, square=SQUARE)
    page.wait_for_selector("#hand:not([data-lost])", state="attached")
    path = "(name) => document.querySelector(`#hand .line .${name}`).getAttribute('d')"
    bones, joints = (page.evaluate(path, name) for name in ("bones", "joints"))
    wanted = ["M" + "L".join(f"{x},{y}" for x, y in (HAND.landmarks[n] for n in (0, *finger))) for finger in FINGERS]
    assert bones == "".join(wanted)
    assert joints.count("M") == 21


def test_nothing_is_drawn_without_a_hand_and_a_lost_one_fades(shown: Shown, page: Any):
    assert page.evaluate("document.querySelectorAll('#hand [d]:not([d=\"\"])').length") == 0
    assert page.evaluate(OPACITY) == "0"
    shown.show(hand=HAND, square=SQUARE)
    until(page, f"{OPACITY} === '1'")
    # Whatever the machine does in between: for how long it stays is the style sheet's, not the clock's.
    shown.show(hand=None, square=None)
    page.wait_for_selector("#hand[data-lost]", state="attached")
    assert float(page.evaluate("getComputedStyle(document.getElementById('hand')).transitionDelay").rstrip("s")) >= 0.2
    until(page, f"{OPACITY} === '0'")


def test_a_camera_without_picture_shows_no_hand(shown: Shown, page: Any):
    shown.show(hand=HAND, square=SQUARE)
    page.wait_for_selector("#hand:not([data-lost])", state="attached")
    shown.show(camera=CameraView("lost", None), hand=HAND, square=SQUARE)
    page.wait_for_selector("#camera[data-fault=lost]", state="attached")
    assert not page.locator("#hand").is_visible()


def test_a_fixed_square_is_marked_and_said(open_page: OpenPage):
    """A bundle without a hand stage reads one place of the picture."""
    with Shown(guide="square") as server:
        server.show(scene="no-hand", square=SquareView(80, 0, 480))
        page = live(open_page(server.url, may_lose_server=True))
        page.wait_for_selector("#square", state="visible")
        frame, square = (page.locator(name).bounding_box() for name in ("#picture", "#square"))
        assert square["height"] == pytest.approx(frame["height"], abs=1)
        assert square["x"] + square["width"] / 2 == pytest.approx(frame["x"] + frame["width"] / 2, abs=1)
        assert page.get_attribute("#hand", "data-lost") is not None
        page.wait_for_selector("#invitation", state="visible")
        assert page.inner_text("#invitation-title") == STRINGS["en"]["invitation.square"]


def test_a_followed_hand_has_no_fixed_place(shown: Shown, page: Any):
    shown.show(scene="no-hand", square=SQUARE)
    page.wait_for_selector("#invitation", state="visible")
    assert page.inner_text("#invitation-title") == STRINGS["en"]["invitation.anywhere"]
    assert not page.locator("#square").is_visible()
    page.click("#open-help")
    assert page.inner_text("#step-1") == STRINGS["en"]["help.step-1.anywhere"]


# ── Nothing is sure enough ─────────────────────────────────────────────────────────────────────────────────────

UNSURE, GUESSED, MOVING = Doubt("unsure"), Doubt("unsure", "N"), Doubt("moving")
HINTS = ("dark", "cut-off", "far", "two-hands")


def visible(page: Any, name: str) -> bool:
    seen: bool = page.evaluate(
        "(id) => document.getElementById(id).checkVisibility({ visibilityProperty: true, opacityProperty: true })", name
    )
    return seen


def test_each_stage_of_reading_looks_different(shown: Shown, page: Any):
    parts = ("invitation", "hint", "guess", "letter", "certainty", "doubt")
    stages = {
        "letter": ({"letter": Letter("L", 0.9, 0.5)}, {"letter", "certainty"}),
        "moving": ({"doubt": MOVING}, {"hint", "doubt"}),
        **{hint: ({"doubt": Doubt(hint)}, {"hint", "doubt"}) for hint in HINTS},
        "unsure": ({"doubt": UNSURE}, {"guess", "doubt"}),
        "idle": ({"scene": "no-hand"}, {"invitation"}),
    }
    for phase, (state, wanted) in stages.items():
        shown.show(hand=None if phase == "idle" else HAND, square=SQUARE, **state)
        page.wait_for_selector(f"#reading[data-phase={phase}]")
        page.wait_for_timeout(1_500)
        assert {part for part in parts if visible(page, part)} == wanted, phase
    # After a letter, while the hand is unsure, the letter is nowhere in large type.
    shown.show(hand=HAND, square=SQUARE, doubt=UNSURE)
    page.wait_for_selector("#reading[data-phase=unsure]")
    assert page.inner_text("#guess") == "?"


def test_an_open_hand_is_not_asked_to_be_clearer(shown: Shown, page: Any):
    """Its ring fills: it is no letter, but asks for practice."""
    for open_hand, phase in ((0.0, "unsure"), (0.3, "hand")):
        shown.show(hand=HAND, square=SQUARE, doubt=UNSURE, open_hand=open_hand)
        page.wait_for_selector(f"#reading[data-phase={phase}]")
        assert visible(page, "doubt") == (open_hand == 0)


def test_a_guess_is_smaller_and_fainter_than_a_letter_and_asks(shown: Shown, page: Any):
    shown.show(hand=HAND, square=SQUARE, doubt=GUESSED)
    page.wait_for_selector("#reading[data-phase=unsure]")
    assert page.inner_text("#guess") == "N?"
    size = "(id) => parseFloat(getComputedStyle(document.getElementById(id)).fontSize)"
    assert page.evaluate(size, "guess") < page.evaluate(size, "letter") / 2
    assert page.locator("#sheet [aria-current]").count() == 0, "no handshape is lit for a guess"
    assert page.inner_text("#said") == ""


def test_a_screen_reader_is_told_once(shown: Shown, page: Any):
    page.evaluate("""() => {
      window.told = [];
      const node = document.getElementById("told");
      new MutationObserver(() => told.push(node.textContent)).observe(node, { childList: true });
    }""")
    assert page.get_attribute("#told", "aria-live") == "polite"
    for _ in range(3):
        shown.show(hand=HAND, square=SQUARE, doubt=UNSURE)
        page.wait_for_selector("#reading[data-phase=unsure]")
        page.wait_for_timeout(300)
        shown.show(hand=HAND, square=SQUARE, doubt=MOVING)
        page.wait_for_selector("#reading[data-phase=moving]")
    assert STRINGS["en"]["told.unsure"] not in page.evaluate("told"), "not while it changes"
    shown.show(hand=HAND, square=SQUARE, doubt=UNSURE)
    # What was said before, the invitation say, is not followed at once.
    until(page, "(text) => told.includes(text)", STRINGS["en"]["told.unsure"], limit_s=30)
    assert len(page.evaluate("told")) <= 2


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_stage_fits_every_screen(open_page: OpenPage, shown: Shown, language: str):
    page = live(open_page(f"{shown.url}/?lang={language}"))
    stages = {
        "letter": {"letter": Letter("W", 0.9, 0.5)},
        "moving": {"doubt": MOVING},
        "unsure": {"doubt": GUESSED},
        "dark": {"doubt": Doubt("dark")},  # the most words
        "idle": {"scene": "no-hand"},
    }
    cut = {}
    for phase, state in stages.items():
        shown.show(hand=None if phase == "idle" else HAND, square=SQUARE, **state)
        page.wait_for_selector(f"#reading[data-phase={phase}]")
        page.wait_for_timeout(1_200)
        for size, found in resized(page):
            if "doubt" in state and not visible(page, "doubt"):
                found = [*found, "the words are missing"]
            if "doubt" in state and size in FROM_AFAR and page.evaluate(WORDS_SIZE) < 1 / 30:
                found = [*found, "the words are too small"]
            cut[phase, size] = found + (["the words cover the ring"] if covers_ring(page) else [])
            keep(page, f"{phase}-{language}-{size[0]}x{size[1]}")
    assert {stage: found for stage, found in cut.items() if found} == {}


def covers_ring(page: Any) -> bool:
    """Whether the words of a doubt, below or beside it, lie on the ring."""
    if not visible(page, "doubt"):
        return False
    doubt, dial = (page.locator(name).bounding_box() for name in ("#doubt", "#dial"))
    below = doubt["y"] > dial["y"] + 0.98 * dial["height"]
    return not (below or doubt["x"] > dial["x"] + 0.98 * dial["width"])


@pytest.mark.parametrize("doubt", [MOVING, GUESSED], ids=["moving", "guessed"])
def test_axe_finds_nothing_serious_in_doubt(shown: Shown, page: Any, doubt: Doubt):
    shown.show(hand=HAND, square=SQUARE, doubt=doubt)
    page.wait_for_selector(f"#reading[data-phase={doubt.reason}]")
    page.wait_for_timeout(500)
    assert serious(page) == []


def test_what_staff_should_know_is_a_badge_and_lies_over_nothing(shown: Shown, page: Any):
    shown.show(hand=HAND, square=SQUARE, notices=(Notice("model-refused", "models/letters: model.tflite is damaged"),))
    page.wait_for_selector("#badge", state="visible")
    assert page.locator("#toasts *").count() == 0
    page.click("#open-help")
    assert "models/letters: model.tflite is damaged" in page.inner_text("#notices")
    page.click("#close-help")
    shown.show(hand=HAND, square=SQUARE)
    page.wait_for_selector("#badge", state="hidden")


def test_why_there_is_no_picture_is_for_staff(shown: Shown, page: Any):
    """Which package is missing belongs on no exhibit; of a camera that works, nothing is to be said."""
    for camera, told in ((CameraView("missing", "sudo apt install it"), True), (CameraView("live", "640×480"), False)):
        shown.show(camera=camera)
        page.wait_for_selector("#badge", state="visible" if told else "hidden")
        page.wait_for_selector("#camera[data-fault=missing]" if told else "#camera:not([data-fault])", state="attached")
        assert "sudo" not in page.inner_text("#fault")
        assert ("sudo apt install it" in page.locator("#notices").text_content()) == told


def test_what_staff_should_know_is_there_again_after_a_restart(open_page: OpenPage):
    with Shown() as server:
        notices = (Notice("processor-instead-of-edgetpu", "no Coral"),)
        server.show(notices=notices)
        page = live(open_page(server.url, may_lose_server=True))
        page.wait_for_selector("#badge", state="visible")
        said = msgspec.json.decode(server.hub.hello.current.value, type=Hello)
        server.hub.say_hello(msgspec.structs.replace(said, run="two"))
        page.wait_for_selector("#badge", state="hidden")
        server.show(notices=notices, fps=29.0)
        page.wait_for_selector("#badge", state="visible")
