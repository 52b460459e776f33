"""What operating systems, network drives, cameras and tools leave in folders of pictures: never the user's own."""

from __future__ import annotations

import re

FOLDERS = frozenset(
    {
        *("@eadir", "@tmp", "@synoresource", "#recycle", "#snapshot"),  # Synology; the first holds thumbnails
        *("@recycle", "@recently-snapshot", "@sharebin"),  # QNAP
        *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder"),  # macOS, and its archives
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),  # Windows
        *("lost+found", "__pycache__", "captureone"),
    }
)
"""In lower case; that begin with a dot are hidden and need no list."""

_FILES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "albumartsmall.jpg"),
        *("picasa.ini", "zbthumbnail.info", "syno_index_media_info"),
        # This program's own, and what comes with public data sets.
        *("license", "license.txt", "provenance.json", "sha256sums"),
    }
)
_PATTERNS = re.compile(r"albumart_\{.*\}.*\.jpg|synophoto_thumb_.*|synofile_thumb_.*|~\$.*|.*\.lrdata", re.IGNORECASE)
_SIDECARS = (".aae", ".xmp", ".thm", ".ctg", ".pp3", ".dop", ".lrcat", ".db", ".ini", ".tmp")
"""What cameras, phones and programs write beside a picture."""


def is_litter(name: str, *, folder: bool) -> bool:
    """Whether an entry of a folder is such, by its name."""
    low = name.lower()
    if folder:
        return low in FOLDERS or low.endswith(".lrdata")
    return low in _FILES or low.endswith(_SIDECARS) or _PATTERNS.fullmatch(low) is not None
