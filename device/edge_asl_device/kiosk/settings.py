"""What the command line asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from edge_asl_device.camera.source import Source
from edge_asl_device.kiosk.collecting import Collection

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that other machines cannot reach."""


class Settings(Struct, frozen=True, kw_only=True):
    """Of one run, named as the options are; some mean something with a page only."""

    bundle: Path
    source: Source
    loop: bool = False
    runtime: str = "auto"
    threads: int = 1
    max_fps: float | None = None
    decoder: dict[str, float] = {}
    """Overrides of the manifest's decoder."""
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    """Which browsers of other machines must present."""
    language: str = "en"
    """Of page, voice and word list: a key of ``LANGUAGES``."""
    mirror: bool = True
    outputs: Sequence[str] = ()
    """As ``--output`` names them."""
    muted: bool = False
    as_json: bool = False
    clear_after_s: float = 60.0
    """0: never."""
    attract_after_s: float = 60.0
    """0: never."""
    collection: Collection | None = None
    """Store pictures instead of reading signs."""

    @property
    def private(self) -> bool:
        """Whether only this machine can open the page."""
        return self.host in LOOPBACK
