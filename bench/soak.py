"""Ten minutes at full speed: do memory or open files grow? `python bench/soak.py 60` takes an hour instead."""

from __future__ import annotations

import sys
import time

from common import figure
from kiosk import build_letters_224, descriptors, film_of, memory_mb

from program import Program, wait_for

WARM_S = 60.0


def main(minutes: float = 10.0) -> None:
    """A page listens all the time; others come and go, and buttons are pressed."""
    # More frames per second than a kiosk's camera gives, so that any leak shows sooner.
    film = film_of("HELLO WORLD", fps=100)
    with Program("run", build_letters_224(), "--source", film, "--loop", "--mute", "--clear-after", "5") as program:
        page = program.wait_until_ready().listen()
        wait_for(lambda: page.states)
        # 60 s in which everything has happened once: words are loaded, pools are filled.
        _use(program, WARM_S)
        before, open_before = memory_mb(program)[0], descriptors(program)
        _use(program, minutes * 60 - WARM_S)
        grown, opened = memory_mb(program)[0] - before, descriptors(program) - open_before
        frames = program.health()["frames_10s"] / 10
    name = f"soak, {minutes:g} minutes: growth of"
    figure(f"{name} memory after the first minute", f"{grown:.1f} MB ({frames:.0f} frames/s)", "≤ 2 MB", "0")
    figure(f"{name} open file descriptors", f"{opened}", "0", "0")


def _use(program: Program, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        visitor = program.listen()
        for button in ("undo", "clear", "speak"):
            program.press(button)
        program.ask("/metrics")
        time.sleep(2)
        program.forget(visitor)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
