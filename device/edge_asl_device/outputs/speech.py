"""Speaking words aloud with espeak-ng: a child process with a time limit."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from typing import Any, Self

from edge_asl_device.other_programs.child import give_up
from edge_asl_device.other_programs.sayings import Saying, meaning_of, telling_line
from edge_asl_device.outputs.output import Context, Control, Output
from edge_asl_device.text.languages import Language
from edge_asl_device.web.messages import VoiceState

PROGRAM = "espeak-ng"
APT = "sudo apt install espeak-ng"
SPEAK_LIMIT_S = 15.0
MAX_CHARACTERS = 200
WAITING = 3
"""Longest queue of texts to be spoken; more would be heard long after they were spelled."""

FAILURES = (
    Saying(
        r"voice does not exist",
        "espeak-ng has no such voice; espeak-ng --voices lists them",
    ),
    Saying(
        r"cannot find card|Unknown PCM default|no soundcards found",
        "there is no sound card; plug in a loudspeaker, or choose one with sudo raspi-config, System Options, Audio",
    ),
    Saying(
        r"[Dd]evice or resource busy",
        "another program uses the sound card; close it, or install pipewire-alsa so that several can",
    ),
    Saying(
        r"audio open error: (?:Host is down|Connection refused)|Connection refused",
        "the sound server does not run; restart the device",
    ),
    Saying(r"audio open error: (?P<what>.+)", "the sound card cannot be opened ({what})"),
    Saying(
        r"[Pp]ermission denied",
        "this user may not use the sound card; sudo usermod -aG audio USER, then restart the program",
    ),
    Saying(
        r"espeak-ng-data|phontab|Failed to load|wrong version of espeak",
        "espeak-ng's data is missing or of another version; sudo apt install --reinstall espeak-ng espeak-ng-data",
    ),
)
"""What espeak-ng and ALSA say → what it means."""
NOISE = re.compile(r"^ALSA lib |^Expression '|^Cannot connect to server|^jack server|^JackShm|^connect\(2\) call")
"""They complain of every sound card that is configured and not there, also where the right one plays."""

log = logging.getLogger(__name__)


def failure_of(said: str) -> str | None:
    """Why the voice did not speak; None if nothing was said about it."""
    return meaning_of(FAILURES, said) or telling_line(said, NOISE) or None


class Espeak(Output):
    """espeak-ng in a thread of its own. Where it is not installed, this stays silent and logs so once.

    The thread is started on entering and takes one text after the other from a queue, so that speaking never delays
    reading; it alone touches ``_running``, except that muting kills the process.

    Args:
        setting: one of espeak-ng's voices; empty for that of the language.
        context: language, whether to begin silent, and who counts what is spoken.
    """

    def __init__(self, setting: str, context: Context) -> None:
        self._program = shutil.which(PROGRAM)
        self._setting, self._voice = setting, setting or context.language.voice
        self._muted = self._muted_at_first = context.muted
        self._observe = context.observe
        self._texts: queue.Queue[str] = queue.Queue(WAITING)
        self._running: subprocess.Popen[bytes] | None = None
        self._cut: subprocess.Popen[bytes] | None = None
        self._ended = self._failed = False
        self._thread = threading.Thread(target=self._speak_all, name="voice", daemon=True)
        if self._program is None:
            log.warning("no voice", extra={"missing": PROGRAM, "do": APT})

    @property
    def state(self) -> VoiceState:
        """``absent``, ``muted``, ``speaking``, ``failed`` (the last text was not spoken) or ``ready``."""
        if self._program is None:
            return "absent"
        if self._muted:
            return "muted"
        if self._running:
            return "speaking"
        return "failed" if self._failed else "ready"

    @property
    def controls(self) -> Mapping[str, Control]:
        """``speak`` says all text; ``mute``, with ``muted`` true or false, silences the voice or ends its silence."""
        return {"speak": lambda _arguments, text: self.say(text), "mute": self._press_mute}

    def word(self, word: str) -> None:
        """Say it."""
        self.say(word)

    def say(self, text: str) -> None:
        """Say it once everything given before has been said; from any thread, returns at once."""
        spoken = " ".join(text.split())[:MAX_CHARACTERS]
        if not spoken or self._muted or self._program is None:
            return
        try:
            self._texts.put_nowait(spoken)
        except queue.Full:
            self._observe("dropped")

    def mute(self, muted: bool) -> None:
        """Be silent from now on, cutting off what is being said, or no longer."""
        self._muted = muted
        if muted:
            self._cut_off()

    def _cut_off(self) -> None:
        """End what is being said; that is no failure of the voice."""
        self._cut = self._running
        if self._cut is not None:
            self._cut.kill()

    def use_language(self, language: Language) -> None:
        """Speak it from the next text on, unless a voice was asked for by name."""
        self._voice = self._setting or language.voice

    def next_visitor(self) -> None:
        """Say nothing more of what the last one spelled, and be as silent as at the start."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._texts.get_nowait()
        self._cut_off()
        self._muted = self._muted_at_first

    def _press_mute(self, arguments: Mapping[str, Any], _text: str) -> None:
        muted = arguments.get("muted")
        if muted is not True and muted is not False:  # nor 1 and 0
            raise ValueError(f"muted: expected true or false, found {muted!r}")
        self.mute(muted)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended = True
        self.mute(True)
        # Where the queue is full, the thread finds out by itself at the next text.
        with contextlib.suppress(queue.Full):
            self._texts.put_nowait("")
        self._thread.join(1)

    def _speak_all(self) -> None:
        while (text := self._texts.get()) and not self._ended:
            if not self._muted:
                self._speak(text)

    def _speak(self, text: str) -> None:
        # Through standard input, where no text can pass for an option; in lower case, as capitals would be spelled out.
        command = [str(self._program), "-v", self._voice, "-s", "150", "--stdin"]
        try:
            self._running = running = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            try:
                _, said = running.communicate(text.lower().encode(), SPEAK_LIMIT_S)
                code, cut = running.returncode, running is self._cut
            except subprocess.TimeoutExpired:
                give_up(running)
                code, cut, said = 1, False, f"did not finish within {SPEAK_LIMIT_S:g} s".encode()
            except OSError:
                give_up(running)
                raise
        except OSError as error:
            code, cut, said = 1, False, str(error).encode()
        finally:
            self._running = None
        self._failed = code != 0 and not cut
        self._observe("failed" if self._failed else "spoken" if code == 0 else "dropped")
        if self._failed:
            log.warning("voice failed", extra={"status": code, "reason": failure_of(said.decode(errors="replace"))})
