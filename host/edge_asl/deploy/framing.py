"""The agent's answers among everything else that a connection prints.

A login shell's start files print what they like: words, numbers, colours without a line end, before, between and after.
So an answer has a frame that nothing else has. A new line begins with ``edge-asl:``, a nonce that the workstation drew
for this one call, and the number of pieces still to come; then a piece of JSON:

    edge-asl:6f0c… 1 {"machine": "aarch64", "cam
    edge-asl:6f0c… 0 eras": []}

A piece is short enough for the kernel to pass it on whole (pipe(7): up to PIPE_BUF, 4096 bytes), so what a program in
the background prints meanwhile lies between two pieces and not within one. The command line, which some shells print,
holds the nonce but no frame.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

MARK = "edge-asl:"
KEPT = 50
"""Lines of a shell, for the message if no answer comes."""


def new_nonce() -> str:
    """For one call."""
    return os.urandom(8).hex()


class Frames:
    """Takes lines as they come and gives the answers among them.

    Args:
        nonce: as the agent was told.
    """

    def __init__(self, nonce: str) -> None:
        self._front = f"{MARK}{nonce} "
        self._pieces: list[str] = []
        self._due: int | None = None
        self.stray: list[str] = []
        """The last lines that are not the agent's and not blank."""

    def feed(self, line: str) -> dict[str, Any] | None:
        """The answer that a line completes; None for any other line."""
        if not line.startswith(self._front):
            if line.strip():
                self.stray = [*self.stray[1 - KEPT :], line.strip()]
            return None
        left, _, piece = line.removeprefix(self._front).rstrip("\n").partition(" ")
        number = int(left) if left.isdecimal() else -1
        if self._due != number:  # the first piece, or one after a piece that was lost
            self._pieces = []
        self._pieces.append(piece)
        self._due = number - 1 if number > 0 else None
        if number != 0:
            return None
        text, self._pieces = "".join(self._pieces), []
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                return found
        return None


def answers(nonce: str, printed: bytes) -> Iterator[dict[str, Any]]:
    """All answers in what a connection printed."""
    frames = Frames(nonce)
    for line in printed.decode(errors="replace").split("\n"):
        if (found := frames.feed(line)) is not None:
            yield found
