"""Units for systemd: the program, and the browser that shows its page. Text files to install."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
UNIT = "edge-asl.service"
SCREEN = "edge-asl-kiosk.service"
RECOVER = "edge-asl-recover.service"
USER_UNIT = "edge-asl-user.service"
USER_RECOVER = "edge-asl-recover-user.service"
UNITS = (UNIT, SCREEN, RECOVER, USER_UNIT, USER_RECOVER)
"""The program; its page in Chromium on a screen; recovery of an update that a power cut interrupted; the program and
the recovery as an ordinary user's services."""


def unit(name: str, folder: Path = FOLDER) -> str:
    """The text of one of ``UNITS``, from this program or another release's folder."""
    return (folder / name).read_text(encoding="utf-8")
