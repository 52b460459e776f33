"""Running commands on a device. A ``Remote`` says how to reach it; a ``Session`` runs them, with time limits."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, Self

from edge_asl.deploy.framing import Frames, new_nonce
from edge_asl.deploy.reasons import no_answer, refusal_in
from edge_asl.errors import Busy, DeviceError, Unreachable

STALL_S = 60.0
"""Without a byte in either direction; a Pi that unpacks or starts Python takes seconds."""

AGENT = Path(__file__).with_name("agent.py")
_BOOT = "import sys;exec(compile(sys.stdin.buffer.read(int(sys.argv[1])),'agent.py','exec'))"
# Debian's own, which sees Debian's camera packages and which the environment is for, before one that somebody put first
# in the path.
_PYTHON = 'python=/usr/bin/python3; [ -x "$python" ] || python=python3; exec "$python" "$@"'
_ELEVATE = 'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n -- "$@"; else exec "$@"; fi'


class Remote(Protocol):
    """A device that runs commands; a context manager that opens and closes what they share."""

    @property
    def name(self) -> str:
        """As the user named it."""
        ...

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command on this machine that runs ``argv`` on the device."""
        ...

    def lost(self, status: int, said: str) -> str | None:
        """Why the device was not reached and what to do; None where the command itself ended so."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exception: object) -> None: ...


class Local:
    """This machine as the device: to try a deployment out, and for a kiosk that is its own workstation."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, argv: Sequence[str]) -> list[str]:
        return [*argv]

    def lost(self, _status: int, _said: str) -> None:
        """Never lost."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...


class CommandResult(NamedTuple):
    """How a command on the device ended."""

    status: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """Why it failed, without the name of the device's program."""
        return refusal_in(self.err) or f"exit status {self.status}"


class Session:
    """Commands on one device, one after the other; with ``elevate`` as root, where sudo asks for no password."""

    def __init__(self, remote: Remote, *, elevate: bool) -> None:
        self.remote = remote
        self.elevate = elevate
        self.calls = 0
        """Commands run on the device: the round trips."""
        self.sent = 0
        """Bytes written to their standard input."""

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command as it runs there."""
        return ["sh", "-c", _ELEVATE, "edge-asl", *argv] if self.elevate else [*argv]

    def run(
        self,
        argv: Sequence[str],
        stdin: Iterable[bytes] = (),
        on_line: Callable[[str], None] = lambda _line: None,
        stall_s: float = STALL_S,
    ) -> CommandResult:
        """Run a command; ``on_line`` gets its lines as they come.

        Raises:
            Unreachable: the device was not reached, the connection broke, or nothing moved for ``stall_s``.
        """
        self.calls += 1
        process = subprocess.Popen(
            self.remote.command(self.argv(argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        watch = _StallWatch(process, stall_s)
        out, err = _Reader(process.stdout, on_line, watch), _Reader(process.stderr, lambda _line: None, watch)
        try:
            self._feed(process, stdin, watch)
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            watch.end()
        out.join()
        err.join()
        if watch.stalled:
            raise Unreachable(f"{self.remote.name}: no answer for {stall_s:g} s; try again")
        if reason := self.remote.lost(status, err.text):
            raise Unreachable(f"{self.remote.name}: {reason}")
        return CommandResult(status, out.text, err.text)

    def _feed(self, process: subprocess.Popen[bytes], stdin: Iterable[bytes], watch: _StallWatch) -> None:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        # A command that stops reading says why on its own output.
        with contextlib.suppress(BrokenPipeError):
            for chunk in stdin:
                process.stdin.write(chunk)
                self.sent += len(chunk)
                watch.moved()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()

    def program(
        self, argv: Sequence[str], on_line: Callable[[str], None] = lambda _line: None, stall_s: float = STALL_S
    ) -> CommandResult:
        """Run a program of a release through the agent: its lines and its errors, and nothing that a shell printed.

        Raises:
            DeviceError: as ``agent``; a program that fails or is not there does not raise.
        """
        lines: list[str] = []

        def take(answer: dict[str, Any]) -> None:
            if "line" in answer:
                lines.append(str(answer["line"]))
                on_line(lines[-1])

        ended = self.agent("relay", {"paths": {}, "argv": [*argv]}, stall_s=stall_s, on_answer=take)
        if "status" not in ended:
            raise DeviceError(f"{self.remote.name}: {argv[0]}: the answer broke off; try again")
        return CommandResult(int(ended["status"]), "\n".join(lines), str(ended["err"]))

    def check(self, argv: Sequence[str], stall_s: float = STALL_S) -> CommandResult:
        """Run a program that must succeed."""
        result = self.program(argv, stall_s=stall_s)
        if result.status != 0:
            raise DeviceError(f"{self.remote.name}: {result.reason}")
        return result

    def agent(
        self,
        command: str,
        arguments: dict[str, Any],
        stdin: Iterable[bytes] = (),
        stall_s: float = STALL_S,
        on_answer: Callable[[dict[str, Any]], None] = lambda _answer: None,
    ) -> dict[str, Any]:
        """Run a command of ``agent.py`` on the device's own Python; its last answer. ``on_answer`` gets each.

        Raises:
            DeviceError: it refused, or there is no Python.
        """
        nonce = new_nonce()
        frames = Frames(nonce)
        last: dict[str, Any] | None = None

        def read(line: str) -> None:
            nonlocal last
            if (answer := frames.feed(line)) is not None:
                last = answer
                on_answer(answer)

        given = itertools.chain([AGENT.read_bytes()], stdin)
        result = self.run(agent_argv(command, arguments | {"frame": nonce}), given, read, stall_s)
        if last is not None and "error" in last:
            refused = Busy if last.get("locked") else DeviceError
            raise refused(f"{self.remote.name}: {last['error']}")
        if last is None or result.status != 0:
            reason = no_answer(self.remote.name, result.status, frames.stray, result.err)
            raise DeviceError(f"{self.remote.name}: {command}: {reason}")
        return last


def agent_argv(command: str, arguments: dict[str, Any], interpreter: str | None = None) -> list[str]:
    """A command of ``agent.py``, whose text is to come first on standard input; without ``interpreter`` the device's.

    Python runs without what others have installed and without its environment variables (``-I -S``): the agent needs
    nothing of them, and they are half of what starting takes.
    """
    python = ["sh", "-c", _PYTHON, "edge-asl"] if interpreter is None else [interpreter]
    return [*python, "-I", "-S", "-c", _BOOT, str(AGENT.stat().st_size), command, json.dumps(arguments)]


class _StallWatch:
    """Kills a process when nothing has moved for ``stall_s``."""

    def __init__(self, process: subprocess.Popen[bytes], stall_s: float) -> None:
        self._process, self._stall_s = process, stall_s
        self._moved_s, self.stalled = time.monotonic(), False
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def moved(self) -> None:
        self._moved_s = time.monotonic()

    def end(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            if time.monotonic() - self._moved_s > self._stall_s:
                self.stalled = True
                self._process.kill()
                return


class _Reader:
    """Reads a pipe to its end in a thread, so that neither side blocks the other."""

    def __init__(self, pipe: IO[bytes] | None, on_line: Callable[[str], None], watch: _StallWatch) -> None:
        assert pipe is not None  # noqa: S101 - for the type checker
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(pipe, on_line, watch), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes], on_line: Callable[[str], None], watch: _StallWatch) -> None:
        for raw in pipe:
            watch.moved()
            self._lines.append(raw.decode(errors="replace"))
            on_line(self._lines[-1].rstrip("\n"))

    def join(self) -> None:
        self._thread.join(10)

    @property
    def text(self) -> str:
        return "".join(self._lines)
