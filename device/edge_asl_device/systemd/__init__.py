"""Units for systemd: the program, and the browser that shows its page; text files to install."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
UNITS = ("edge-asl.service", "edge-asl-kiosk.service")
"""The program; cage with Chromium before a screen."""


def unit(name: str) -> str:
    """The text of one of ``UNITS``.

    Raises:
        FileNotFoundError: there is no such unit.
    """
    return (FOLDER / name).read_text(encoding="utf-8")
