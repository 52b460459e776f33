"""What operating systems, network drives, cameras and tools leave in folders of pictures: never the user's own."""

from __future__ import annotations

import re

FOLDERS = frozenset(
    {
        *("@eadir", "@tmp", "@synoresource", "#recycle", "#snapshot"),  # Synology; the first holds thumbnails
        *("@recycle", "@recently-snapshot", "@sharebin"),  # QNAP
        *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder"),  # macOS, and its archives
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),  # Windows
        *("lost+found", "lost.dir", "__pycache__", "captureone", "thmbnl", "_gsdata_", "iphoto library"),
    }
)
"""In lower case; that begin with a dot are hidden and need no list."""

_FILES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "albumartsmall.jpg"),
        *("picasa.ini", "zbthumbnail.info", "syno_index_media_info", "pspbrwse.jbf", "bridgecache", "bridgecachet"),
        *("wpsettings.dat", "indexervolumeguid", "autprint.mrk"),
        # Google Takeout's, besides one for each picture.
        *("print-subscriptions.json", "shared_album_comments.json", "user-generated-memory-titles.json"),
        # This program's own, and what comes with public data sets.
        *("license", "license.txt", "provenance.json", "sha256sums"),
    }
)
_PATTERNS = re.compile(
    r"albumart_\{.*\}.*\.jpg|synophoto_thumb_.*|synofile_thumb_.*|~\$.*|.*\.lrdata"
    r"|.*@syno(?:eastream|resource)"  # Synology's forks of files
    r"|.*:?zone\.identifier"  # Windows's mark of a download, as WSL and archives show it
    r"|.*\.(?:jpe?g|png|heic|webp|gif|tiff?|bmp|mp4|mov)(?:\.sup[a-z-]*)?(?:\(\d+\))?\.json",  # Google Takeout
    re.IGNORECASE,
)
_BUNDLES = (".lrdata", ".photoslibrary", ".photolibrary", ".aplibrary", ".lrlibrary")
"""Folders in which photo programs keep their own copies and previews."""
_SIDECARS = (
    ".aae",
    ".xmp",
    ".thm",
    ".ctg",
    ".pp3",
    ".dop",
    ".cos",
    ".on1",
    ".lrcat",
    ".lrcat-data",
    ".db",
    ".ini",
    ".tmp",
)
"""What cameras, phones and programs write beside a picture."""


def is_litter(name: str, *, folder: bool) -> bool:
    """Whether an entry of a folder is such, by its name."""
    low = name.lower()
    if folder:
        return low in FOLDERS or low.endswith(_BUNDLES)
    return low in _FILES or low.endswith(_SIDECARS) or _PATTERNS.fullmatch(low) is not None
