"""Saying words aloud with espeak-ng: a child process with a time limit, never in the way of reading."""

from __future__ import annotations

import logging
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from edge_asl_device.web.messages import VoiceState

PROGRAM = "espeak-ng"
APT = "sudo apt install espeak-ng"
SPEAK_LIMIT_S = 15.0
MAX_CHARACTERS = 200
WAITING = 3
"""Words that wait to be said; more would be said long after they were spelled."""

log = logging.getLogger(__name__)


class Voice(Protocol):
    """Says what was read."""

    @property
    def state(self) -> VoiceState:
        """What a page shows of it."""
        ...

    def say(self, text: str) -> None:
        """Say it soon; returns at once."""
        ...

    def mute(self, muted: bool) -> None:
        """Be quiet from now on, or no longer."""
        ...


class Espeak:
    """espeak-ng in a thread of its own; a context manager. Absent, it stays silent and says so once.

    Args:
        muted: begin silent.
        language: a voice of espeak-ng's.
        observe: told ``spoken``, ``failed`` or ``dropped`` for each text.
    """

    def __init__(
        self, *, muted: bool = False, language: str = "en-us", observe: Callable[[str], None] = lambda _result: None
    ) -> None:
        self._program = shutil.which(PROGRAM)
        self._muted, self._language, self._observe = muted, language, observe
        self._texts: queue.Queue[str | None] = queue.Queue(WAITING)
        self._running: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._speak_all, name="voice", daemon=True)
        if self._program is None:
            log.warning("no voice", extra={"expected": PROGRAM, "do": APT})

    @property
    def state(self) -> VoiceState:
        """``absent``, ``muted``, ``speaking`` or ``ready``."""
        if self._program is None:
            return "absent"
        if self._muted:
            return "muted"
        return "speaking" if self._running else "ready"

    def say(self, text: str) -> None:
        """Say it when what was given before has been said."""
        spoken = " ".join(text.split())[:MAX_CHARACTERS]
        if not spoken or self._muted or self._program is None:
            return
        try:
            self._texts.put_nowait(spoken)
        except queue.Full:
            self._observe("dropped")

    def mute(self, muted: bool) -> None:
        """Also what is being said right now."""
        self._muted = muted
        running = self._running
        if muted and running is not None:
            running.kill()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self.mute(True)
        self._texts.put(None, timeout=1)
        self._thread.join(1)

    def _speak_all(self) -> None:
        while (text := self._texts.get()) is not None and not self._ended:
            if not self._muted:
                self._speak(text)

    def _speak(self, text: str) -> None:
        # Through standard input: no text can be taken for an option. Capitals are spelled, words are not.
        command = [str(self._program), "-v", self._language, "-s", "150", "--stdin"]
        try:
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            ) as self._running:
                try:
                    _, said = self._running.communicate(text.lower().encode(), SPEAK_LIMIT_S)
                except subprocess.TimeoutExpired:
                    self._running.kill()
                    said = f"no end within {SPEAK_LIMIT_S:g} s".encode()
                code = self._running.wait(5)
        except (OSError, subprocess.TimeoutExpired) as error:
            code, said = 1, str(error).encode()
        finally:
            self._running = None
        self._observe("spoken" if code == 0 else "failed")
        if code != 0 and not self._muted:
            words = said.decode(errors="replace").strip().splitlines()
            log.warning("voice failed", extra={"status": code, "reason": words[-1] if words else None})
