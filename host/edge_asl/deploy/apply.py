"""Carrying a plan out, step by step. The device decides the last one by itself."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_asl.deploy import device_commands as words
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.plan import (
    Activate,
    Choices,
    Configure,
    Lock,
    Plan,
    Screen,
    Send,
    Trust,
    Unlock,
    needs_repair,
    stage,
)
from edge_asl.deploy.remote import Session
from edge_asl.deploy.staging import Packed
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError, Unreachable
from edge_asl.progress import Progress
from edge_asl_device.releases.installation import Installation

CHUNK = 1 << 18
ACTIVATION_STALL_S = 300.0
"""Hashing a whole environment on a slow card is the longest step without a word, a health check the next."""
AFTERWARDS_S = 900.0
"""How long a lost device is asked what became of the activation; it ends within that by its own limits."""
PAUSE_S = 2.0
REFUSAL = "edge-asl-device: "
"""Before what the device's program says when it ends as it should."""


class Application:
    """One plan on one device.

    Args:
        session: with the device.
        target: the same device.
        facts: as read for the plan.
        packed: the release's bytes.
        progress: told every step.
    """

    def __init__(
        self,
        session: Session,
        target: Target,
        facts: Facts,
        packed: Packed,
        progress: Progress,
    ) -> None:
        self._session, self._target, self._facts, self._packed = session, target, facts, packed
        self._progress = progress
        self._paths = Installation.at(facts.root, target.mode).paths()
        self._missing: dict[str, int] = {}
        self._program = words.staged(facts.root, packed.wanted.environment)
        self.log: list[tuple[str, str]] = []
        """What the device said while it switched: (step, text)."""
        self._stray: list[str] = []

    @property
    def _held(self) -> dict[str, Any]:
        """Whose lock on what."""
        return {"paths": self._paths, "owner": owner()}

    def begin(self, *, break_lock: bool) -> dict[str, int]:
        """Take the lock; SHA-256 → bytes that are there already, of files that are not whole there.

        Raises:
            DeviceError: somebody else deploys.
        """
        wanted = json.dumps(list(self._packed.wanted.objects.items())).encode()
        arguments = self._held | {
            "mode": str(self._target.mode),
            "break_lock": may_break(self._facts, asked=break_lock),
            "repair": needs_repair(self._facts),
        }
        self._missing = self._session.agent("begin", arguments, [wanted], stall_s=300.0)["missing"]
        return self._missing

    def end(self) -> None:
        """Let go of the lock."""
        with contextlib.suppress(DeviceError):
            self._session.agent("end", self._held)

    def apply(self, plan: Plan) -> None:
        """All steps in order, after ``begin``.

        Raises:
            DeviceError: a step failed; what served before serves still, or again.
        """
        does: dict[type, Callable[[Any], None]] = {
            Lock: lambda _step: None,
            Send: self._send,
            Configure: self._configure,
            Screen: self._screen,
            Trust: self._trust,
            Activate: self._activate,
            Unlock: lambda _step: None,
        }
        try:
            for step in plan.steps:
                does[type(step)](step)
                self._progress.say(f"done: {type(step).__name__.lower()}")
        except KeyboardInterrupt:
            going_on = (
                "the device goes on by itself; see" if isinstance(step, Activate) else "nothing was switched; see"
            )
            self._progress.say(f"interrupted: {going_on} edge-asl status {self._target.name}")
            raise
        finally:
            self.end()

    def stage(self, choices: Choices) -> None:
        """Only lay the release out beside what serves, from the lock to its end.

        Raises:
            DeviceError: somebody else deploys, or the device cannot take it.
        """
        missing = self.begin(break_lock=False)
        try:
            self._send(stage(self._facts, self._packed.wanted, missing, choices))
        finally:
            self.end()

    def _send(self, step: Send) -> None:
        with self._progress.task("sent, KB", step.bytes // 1000) as advance:
            self._session.agent(
                "receive",
                self._held,
                self._bytes(step, advance),
                stall_s=300.0,  # while the device writes a whole environment to its card
            )

    def _bytes(self, step: Send, advance: Callable[[int], None]) -> Iterator[bytes]:
        yield self._packed.header(step, self._missing)
        sent = 0
        for sha, there in self._missing.items():
            for chunk in _chunks(self._packed.sources[sha], there):
                yield chunk
                sent += len(chunk)
                advance(sent // 1000)

    def _configure(self, step: Configure) -> None:
        self._session.agent("configure", self._held | {"options": step.options})

    def _screen(self, _step: Screen) -> None:
        self._session.agent("screen", self._held)

    def _trust(self, step: Trust) -> None:
        answer = self._session.run(words.trust(self._program, step.key, self._facts.root, self._target.mode))
        if answer.status != 0:
            raise DeviceError(f"{self._target.name}: {answer.err.strip()}")

    def _activate(self, step: Activate) -> None:
        argv = [*step.command(self._program, self._facts.root, self._target.mode), "--json"]
        try:
            answer = self._session.run(argv, on_line=self._heard, stall_s=ACTIVATION_STALL_S)
        except Unreachable as error:
            self._progress.say(f"{error}; the device goes on by itself, asking what became of it")
            self._learn(step.release)
            return
        if answer.status != 0:
            self._fail(answer.err)

    def _heard(self, line: str) -> None:
        told = step_of(line)
        if told is None:
            self._stray.append(line)
            self._progress.say(f"  {line}")
            return
        self.log.append(told)
        self._progress.say("  {:<12}{}".format(*told))

    def _learn(self, release: str) -> None:
        """Ask until the device tells the outcome of an activation whose connection was lost."""
        deadline = time.monotonic() + AFTERWARDS_S
        while time.monotonic() < deadline:
            time.sleep(PAUSE_S)
            try:
                last = self._last_activation()
            except (DeviceError, ValueError, KeyError):
                continue
            if not last or last["release"] != release:
                raise DeviceError(f"{self._target.name}: the connection broke before the switch; deploy again")
            if last["at_work"]:
                continue
            self.log.append((last["outcome"], last["message"]))
            if last["outcome"] != "activated":
                self._fail("")
            return
        raise Unreachable(
            f"{self._target.name}: expected an outcome within {AFTERWARDS_S:g} s, found none; edge-asl status"
        )

    def _last_activation(self) -> Any:
        answer = self._session.run(words.status(self._program, self._facts.root, self._target.mode))
        return json.loads(answer.out)["activation"]

    def _fail(self, said: str) -> None:
        last = ([*self._stray, *said.strip().splitlines()] or ["no word"])[-1]
        refused = last.startswith(REFUSAL)
        if not self.log and not refused:
            self._request_recheck(last)
        step, text = ("", last.removeprefix(REFUSAL)) if refused else self.log[-1]
        with contextlib.suppress(DeviceError, ValueError, KeyError, TypeError):
            for line in self._last_activation()["log"]:
                self._progress.say(f"  | {redacted(line)}")
        raise DeviceError(f"{self._target.name}: {f'{step}: ' if step else ''}{text}")

    def _request_recheck(self, last: str) -> None:
        """A program that cannot even begin cannot check itself: a file of it is damaged."""
        with contextlib.suppress(DeviceError):
            self._session.agent("recheck", {"paths": self._paths})
        raise DeviceError(
            f"{self._target.name}: expected the release's program to begin, found: {last}; deploy again: all of it is "
            "checked then"
        )


def step_of(line: str) -> tuple[str, str] | None:
    """(step, what became of it) from a line of an activation's JSON; None for any other line.

    Such a line is a refusal before the first step, or the traceback of a program that cannot begin.
    """
    try:
        said = json.loads(line)
        return str(said["step"]), str(said["text"])
    except (ValueError, KeyError, TypeError):
        return None


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk


def redacted(line: str) -> str:
    """A log line without what opens a page."""
    return re.sub(r"(token=|Bearer |EDGE_ASL_TOKEN=)[^\s&\"']+", r"\1…", line)


def owner() -> str:
    """Whose lock it is: user, machine, process. Machines may have one name; what counts their processes has not."""
    found = hashlib.sha256()
    for name in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with contextlib.suppress(OSError):
            found.update(Path(name).read_bytes())
    with contextlib.suppress(OSError):  # a container's processes are numbered by themselves
        found.update(str(Path("/proc/self/ns/pid").readlink()).encode())
    return f"{getpass.getuser()}@{socket.gethostname()}/{found.hexdigest()[:6]}:{os.getpid()}"


def may_break(facts: Facts, *, asked: bool) -> bool:
    """Whether the lock that a device has is to be taken away: it was asked for, or its owner is dead."""
    return asked or (facts.lock is not None and _dead_one_of_mine(facts.lock.owner))


def _dead_one_of_mine(held: str) -> bool:
    """Whether a lock is that of a deployment from this machine and user that no longer runs."""
    name, _, pid = held.rpartition(":")
    mine = owner().rpartition(":")[0]
    return name == mine and pid.isdecimal() and not Path(f"/proc/{pid}").exists()
