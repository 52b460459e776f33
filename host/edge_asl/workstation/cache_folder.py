"""Where this user's caches lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``${XDG_CACHE_HOME:-~/.cache}/edge-asl``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-asl"
