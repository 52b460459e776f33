"""Small text files that people and their programs write: tables, lists of names, boxes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from edge_asl.errors import DataError

_SAVE = "save it in UTF-8"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_COMMENT = re.compile(r"(?:#|//|;).+")
_QUOTED = re.compile(r"""(["'])(?P<name>.+)\1\s*[,;]?|.+[,;]""")
_NUMBERED = re.compile(r"(?P<number>\d+)(?:\s*[:.)=]\s*|\s+)(?P<name>\D.*)")


def read_text(path: Path) -> str:
    """A file's text, in UTF-8 or, as PowerShell and Excel write it, in UTF-16 with its mark.

    Raises:
        FileNotFoundError: there is none.
        DataError: it cannot be read or is in another encoding.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    marked = data.startswith(_MARKS)
    if not marked and b"\0" in data:
        raise DataError(f"{path}: expected text, found zero bytes: UTF-16 without its mark, or a damaged file; {_SAVE}")
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as text: {error}; {_SAVE}") from error


def read_names(path: Path, text: str) -> dict[int, str]:
    """Number → name of a list of names, one a line, counted from 0. An empty line is a number without a name.

    Raises:
        DataError: a line holds more than a name: a comment, quotes, its number. What of it would be the name is not
            guessed, as the tools that wrote the boxes counted every line.
    """
    lines = {number: line.strip() for number, line in enumerate(re.split(r"\r\n?|\n", text)) if line.strip()}
    names = list(lines.values())
    for number, name in lines.items():
        if remedy := _more_than_a_name(name, names):
            raise DataError(
                f"{path}:{number + 1}: expected only the name of class {number}, found {name[:60]!r}; {remedy}"
            )
    return lines


def _more_than_a_name(name: str, among: Sequence[str]) -> str | None:
    """What to do about a line that is more than a name; None: it is one."""
    # Classes may be called #1 and #2; then all are.
    if _COMMENT.fullmatch(name) and not all(_COMMENT.fullmatch(other) for other in among):
        return "remove the comment: every line is a class (a name that begins so can be written in data.yaml)"
    quoted = [_QUOTED.fullmatch(other) is not None for other in among]
    # The last of a list needs no comma.
    if _QUOTED.fullmatch(name) and (all(quoted[:-1]) or re.fullmatch(r"(['\"]).+\1.?", name)):
        return "write each name on a line of its own, without quotes and commas"
    numbered = [match for other in among if (match := _NUMBERED.fullmatch(other))]
    if len(numbered) == len(among) > 1:
        counted = [int(match["number"]) for match in numbered]
        if counted in (list(range(len(among))), list(range(1, len(among) + 1))):
            return "remove the numbers: a line's place is its number, the first is 0"
    return None
