"""What every test of the page looks at: its words, every screen that it must fit, and what is wrong with it there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "device" / "edge_asl_device" / "web" / "static"
STRINGS = json.loads((STATIC / "languages.json").read_text(encoding="utf-8"))
SCREENS = ROOT / "out" / "screens"

SIZES = [
    (1280, 720), (1080, 1920), (1920, 1080), (3840, 2160), (1024, 768), (800, 480), (480, 320), (360, 640), (640, 360)
]  # fmt: skip
KEPT = SIZES[:3]

# Everything visible that is cut by the window, by its panel or by itself, and panels that overlap.
CUT = """() => {
  const found = [];
  const name = (node) => node.id || node.className || node.textContent.slice(0, 20);
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const within = (from, to, low, high) => from >= low - 1 && to <= high + 1;
  const inside = (a, b) => within(a.left, a.right, b.left, b.right) && within(a.top, a.bottom, b.top, b.bottom);
  const screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  const panels = [...document.querySelectorAll("#page > *, #capture-banner")].filter(shown);
  const boxes = panels.map((panel) => panel.getBoundingClientRect());
  panels.forEach((panel, i) => {
    if (!inside(boxes[i], screen)) found.push(`${name(panel)} leaves the screen`);
    panels.forEach((other, j) => {
      const [a, b] = [boxes[i], boxes[j]];
      const apart = a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
      if (i < j && !apart) found.push(`${name(panel)} overlaps ${name(other)}`);
    });
    const parts = panel.querySelectorAll(
      "button, h2, li, #invitation > *, #attract > *, #dial, #certainty, #fault > *, #doubt, #corrected, " +
      "#capture > *, #capture-picture, #promise, #practice > *"
    );
    for (const part of [...parts].filter(shown)) {
      if (!inside(part.getBoundingClientRect(), boxes[i])) found.push(`${name(part)} leaves ${name(panel)}`);
    }
  });
  for (const button of [...document.querySelectorAll("main button")].filter(shown)) {
    const { width, height } = button.getBoundingClientRect();
    if (width < 44 || height < 44) found.push(`${name(button)} is ${width} × ${height}`);
    if (button.scrollWidth > button.clientWidth + 1) found.push(`${name(button)} cuts its words`);
    const words = document.createRange();
    words.selectNodeContents(button);
    if (button.querySelector("#badge")) words.setEndBefore(button.querySelector("#badge"));
    const [text, box] = [words.getBoundingClientRect(), button.getBoundingClientRect()];
    const room = Math.min(text.left - box.left, box.right - text.right);
    if (text.width && room < 3) found.push(`${name(button)} is too narrow`);
  }
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) {
    found.push(`scrolls: ${root.scrollWidth} × ${root.scrollHeight} in ${innerWidth} × ${innerHeight}`);
  }
  return found;
}"""

WIDE_MM = {(480, 320): 73, (800, 480): 154, (1280, 720): 222, (1080, 1920): 299, (1920, 1080): 344}
"""Width of the usual screens with so many pixels: 3.5", 7" and 10.1", 24" upright, 15.6"."""

# What is smaller than a finger, or nearer to each other than fingers can tell; in millimetres.
FINGERS = """(mm) => {
  const found = [];
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const within = document.querySelector("dialog[open]") ?? document.querySelector("main");
  const buttons = [...within.querySelectorAll("button, .choice")].filter(shown);
  const boxes = buttons.map((button) => button.getBoundingClientRect());
  const round = (number) => Math.round(number * mm * 10) / 10;
  boxes.forEach((a, i) => {
    if (Math.min(a.width, a.height) * mm < 8.9) found.push(`${buttons[i].id}: ${round(a.width)} × ${round(a.height)}`);
    boxes.slice(i + 1).forEach((b, j) => {
      const x = Math.max(a.left, b.left) - Math.min(a.right, b.right);
      const y = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
      const apart = Math.max(x, y) * mm;
      if (apart < 1.9) found.push(`${buttons[i].id} and ${buttons[i + j + 1].id}: ${round(Math.max(x, y))} apart`);
    });
  });
  return found;
}"""


def until(page: Any, expression: str, argument: object = None, limit_s: float = 15.0) -> None:
    """Ask again and again from outside: Playwright's own waiting evaluates strings, which the page's policy forbids."""
    deadline = time.monotonic() + limit_s
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {expression}"
        page.wait_for_timeout(40)


def keep(page: Any, name: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png")


def resized(page: Any) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """Each screen in turn, and what is cut off or overlaps there."""
    for size in SIZES:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        # A busy machine lays the page out some frames later; what is still cut then is cut.
        for _ in range(10):
            page.wait_for_timeout(200)
            if not (found := page.evaluate(CUT)):
                break
        yield size, found


def too_small_for_fingers(page: Any) -> dict[tuple[int, int], list[str]]:
    """What is, on which screen."""
    found = {}
    for size, wide_mm in WIDE_MM.items():
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_timeout(300)
        found[size] = page.evaluate(FINGERS, wide_mm / size[0])
    return {size: buttons for size, buttons in found.items() if buttons}


def serious(page: Any, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """What axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for rule in found
        if rule["impact"] in impacts
        for node in rule["nodes"]
    ]
