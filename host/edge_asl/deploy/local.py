"""This machine as the device: ``local:FOLDER``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


class Local:
    """Runs commands here: to try a deployment out, and for a kiosk that is its own workstation."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command itself."""
        return [*argv]

    def lost(self, _status: int, _said: str) -> None:
        """Never lost."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None
