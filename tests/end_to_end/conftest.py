"""The real program behind the page, and a real browser before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import Kiosk, Stage

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = (
    "--no-sandbox",  # root's Chromium has no other way
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage") / "rehearsal")


@pytest.fixture(scope="module")
def program(stage: Stage, golden_bundle: Path) -> Iterator[Kiosk]:
    """Reading the rehearsed camera, for as long as the module runs."""
    started = Kiosk("run", golden_bundle, "--source", stage.source, "--mute")
    started.start()
    yield started
    started.stop()


@pytest.fixture
def another() -> Iterator[Callable[..., Kiosk]]:
    """Makes programs of one test's own, and stops them."""
    made: list[Kiosk] = []

    def make(command: str, *arguments: str) -> Kiosk:
        made.append(Kiosk(command, *arguments))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium with a new, empty profile."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_FLAGS))
        yield started
        started.close()


class Watch:
    """What a page must never do: ask another host, break its own policy, throw, complain."""

    def __init__(self, page: Any) -> None:
        self.complaints: list[str] = []
        self.may_lose_server = False
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        lost = self.may_lose_server and message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not lost:
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith("http://127.0.0.1:"):
            self.complaints.append(f"request: {request.url}")


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser context of its own; afterwards nothing may have been complained of.

    ``open_page(url, size=(w, h), may_lose_server=False, **context)``.
    """
    pages: list[tuple[Any, Watch]] = []

    def make(url: str, size: tuple[int, int] = (1280, 720), may_lose_server: bool = False, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        context.set_default_timeout(15_000)
        page = context.new_page()
        pages.append((page, Watch(page)))
        pages[-1][1].may_lose_server = may_lose_server
        page.goto(url)
        return page

    yield make
    for page, _ in pages:
        page.context.close()
    complaints = [complaint for _, watch in pages for complaint in watch.complaints]
    assert complaints == []
