"""Photographs the kiosk's page for the README: a drawn hand spells, the real program reads, Chromium shows it.

The letters that ship read it, so that nothing has to be built first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from edge_asl.datasets.synthetic.film import write_film

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from program import Program  # noqa: E402 - the tests' own way to start the whole program

BUNDLE = ROOT / "models" / "letters"
PICTURE = ROOT / "docs" / "page.webp"
WORD, WRITTEN, SEED = "HELLO", "HEL", 12
SIZE = {"width": 1280, "height": 720}
QUALITY = 80
LIMIT_S = 60.0
CHROMIUM = "/usr/bin/chromium"
# Some letters are written, and the ring around the next is between a third and two thirds full.
MOMENT = """(wanted) => {
  const written = document.getElementById("done").textContent + document.getElementById("word").textContent;
  const ring = document.querySelector("#ring .fill");
  const empty = parseFloat(getComputedStyle(ring).strokeDashoffset);
  const held = document.querySelector("#reading[data-phase=letter]") !== null;
  return held && written.trim() === wanted && empty > 33 && empty < 67;
}"""


def photograph(page: Page) -> bytes:
    """The page, PNG, at the first moment worth showing."""
    deadline = time.monotonic() + LIMIT_S
    while not page.evaluate(MOMENT, WRITTEN):
        if time.monotonic() > deadline:
            sys.exit(f"{WORD} was not read within {LIMIT_S:.0f} s; choose another SEED for the hand")
        page.wait_for_timeout(20)
    return page.screenshot()


def main() -> None:
    """Draw, run, look, store."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        film = write_film(Path(scratch) / f"{WORD}.mp4", WORD, seed=SEED)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with Program("run", BUNDLE, "--source", film, "--loop", "--mute", "--clear-after", "3") as program:
            program.wait_until_ready()
            page = browser.new_page(viewport=SIZE)
            page.goto(f"http://127.0.0.1:{program.port}/")
            png = photograph(page)
        browser.close()
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    _, webp = cv2.imencode(".webp", picture, (cv2.IMWRITE_WEBP_QUALITY, QUALITY))
    PICTURE.write_bytes(webp.tobytes())
    sys.stdout.write(f"{PICTURE}: {len(webp) / 1024:.0f} KB\n")


if __name__ == "__main__":
    main()
