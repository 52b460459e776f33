"""What other programs say → what it means and what to do: tables, and the one way to read them.

ssh, compilers, runtimes and libraries rarely put the reason on their last line. Each that is used here has a table of
what it says; a table's order is that of its entries' worth, not of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from edge_asl_device.errors import one_line

LONGEST = 200


class Saying(NamedTuple):
    """A regular expression for one line, and the sentence for it, which may use its named groups."""

    pattern: str
    sentence: str


def meaning_of(table: Sequence[Saying], said: str, **facts: object) -> str | None:
    """The sentence of the first entry that fits a line; None if none does.

    Args:
        table: the most telling entries first.
        said: everything that the program said.
        facts: more that the sentences may name.
    """
    lines = [line.strip() for line in said.splitlines()]
    for pattern, sentence in table:
        found = next(filter(None, (re.search(pattern, line) for line in lines)), None)
        if found:
            named = {key: one_line(value or "") for key, value in found.groupdict().items()}
            return sentence.format(**facts | named)
    return None


def telling_line(said: str, noise: re.Pattern[str] | None = None, errors: str = r"^\W*(?:error|fatal)\b") -> str:
    """Where no table knows it: the last line that calls itself an error, else the last that is not noise.

    Args:
        said: everything that the program said.
        noise: lines that never are the reason.
        errors: how lines begin that call themselves an error, in any case.
    """
    lines = [line.strip() for line in said.splitlines()]
    lines = [line for line in lines if line and not (noise and noise.search(line))]
    called = [line for line in lines if re.search(errors, line, re.IGNORECASE)]
    return shortened((called or lines or [""])[-1])


def shortened(line: str) -> str:
    """A line as a message may show it: without control characters, and no longer than ``LONGEST``."""
    line = one_line(line)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
