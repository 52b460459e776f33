"""Standard streams and file names where the locale is not UTF-8: nothing fails for an arrow, no name is misread."""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys

_UTF8_MODE, _OURS = "PYTHONUTF8", "EDGE_ASL_UTF8"
_PLAIN = {
    **{"→": "->", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "·": "|", "≥": ">=", "≤": "<="},
    **{"“": '"', "”": '"', "’": "'", "‘": "'", "✓": "ok", "\u00a0": " ", "≈": "~"},
}


def prepare_terminal() -> None:
    """Call it first: it may start the program anew."""
    _read_names_as_utf8()
    codecs.register_error("edge-asl", _plainly)
    # In UTF-8 mode the streams are too; the terminal is still what the locale says, unless the user says otherwise.
    ours = os.environ.pop(_OURS, None) is not None and "PYTHONIOENCODING" not in os.environ
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=locale.getencoding() if ours else None, errors="edge-asl")


def _read_names_as_utf8() -> None:
    """File names are UTF-8 on every disk of today; in another locale Python would read ä as two other letters."""
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get(_UTF8_MODE) == "1":
        return
    environment = os.environ | {_UTF8_MODE: "1", _OURS: "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What a stream cannot encode, in ASCII: ornaments as such, everything else as ``\\u1234``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in bad), error.end
