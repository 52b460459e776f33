"""Carrying a plan out, step by step. The device decides the last one by itself."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_asl.deploy.facts import Facts
from edge_asl.deploy.plan import Activate, Configure, Lock, Plan, Screen, Send, Trust, Unlock
from edge_asl.deploy.release import Packed
from edge_asl.deploy.remote import Session
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError, Unreachable
from edge_asl.progress import Progress

CHUNK = 1 << 18
ACTIVATION_STALL_S = 300.0
"""Hashing a whole runtime on a slow card is the longest step without a word, a health check the next."""
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
        missing: as for the plan.
        owner: of the lock.
        progress: told every step.
    """

    def __init__(
        self,
        session: Session,
        target: Target,
        facts: Facts,
        packed: Packed,
        missing: dict[str, int],
        owner: str,
        progress: Progress,
    ) -> None:
        self._session, self._target, self._facts, self._packed = session, target, facts, packed
        self._missing, self._owner, self._progress = missing, owner, progress
        self.log: list[tuple[str, str]] = []
        """What the device said while it switched: (step, text)."""
        self._stray: list[str] = []

    def apply(self, plan: Plan) -> None:
        """All steps in order. The lock was taken when it was asked what is missing.

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
        finally:
            self._end()

    def stage(self, step: Send) -> None:
        """Only lay the release out beside what serves, and let go of the lock."""
        try:
            self._send(step)
        finally:
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(DeviceError):
            self._session.agent("end", {"root": self._facts.root, "owner": self._owner})

    def _send(self, step: Send) -> None:
        header = {
            "release": self._packed.release.encoded().decode(),
            "runtime": self._packed.runtime_text if step.runtime else None,
            "runtime_digest": self._packed.wanted.runtime,
            "bundle": self._packed.bundle_files,
            "repair": step.repair,
            "objects": [[sha, self._packed.wanted.objects[sha], there] for sha, there in self._missing.items()],
        }
        with self._progress.task("sent, KB", step.bytes // 1000) as advance:
            self._session.agent(
                "receive",
                {"root": self._facts.root, "owner": self._owner},
                self._bytes(header, advance),
                stall_s=300.0,  # while the device writes a whole runtime to its card
            )

    def _bytes(self, header: dict[str, Any], advance: Callable[[int], None]) -> Iterator[bytes]:
        yield json.dumps(header).encode() + b"\n"
        sent = 0
        for sha, there in self._missing.items():
            for chunk in _chunks(self._packed.sources[sha], there):
                yield chunk
                sent += len(chunk)
                advance(sent // 1000)

    def _configure(self, step: Configure) -> None:
        self._session.agent("configure", {"settings": self._facts.settings, "options": step.options})

    def _screen(self, _step: Screen) -> None:
        self._session.agent("screen", {"root": self._facts.root})

    def _program(self) -> str:
        return f"{self._facts.root}/runtimes/{self._packed.wanted.runtime}/bin/edge-asl-device"

    def _place(self) -> list[str]:
        return ["--root", self._facts.root, "--mode", str(self._target.mode)]

    def _trust(self, step: Trust) -> None:
        answer = self._session.run([self._program(), "trust", step.key, *self._place()])
        if answer.status != 0:
            raise DeviceError(f"{self._target.name}: {answer.err.strip()}")

    def _activate(self, step: Activate) -> None:
        argv = [self._program(), "activate", step.release, *self._place(), "--json"]
        argv += ["--health-limit", f"{step.health_limit_s:g}", "--keep", str(step.keep)]
        argv += ["--allow-downgrade"] * step.allow_downgrade + ["--restart"] * step.restart
        try:
            answer = self._session.run(argv, on_line=self._heard, stall_s=ACTIVATION_STALL_S)
        except Unreachable as error:
            self._progress.say(f"{error}; the device goes on by itself, asking what became of it")
            self._learn(step.release)
            return
        if answer.status != 0:
            self._fail(answer.err)

    def _heard(self, line: str) -> None:
        try:
            said = json.loads(line)
            step, text = str(said["step"]), str(said["text"])
        except (ValueError, KeyError, TypeError):
            # A refusal before the first step, or the traceback of a program that cannot begin.
            self._stray.append(line)
            self._progress.say(f"  {line}")
            return
        self.log.append((step, text))
        self._progress.say(f"  {step:<12}{text}")

    def _learn(self, release: str) -> None:
        """Ask until the device tells the outcome of an activation whose connection was lost."""
        deadline = time.monotonic() + AFTERWARDS_S
        while time.monotonic() < deadline:
            time.sleep(PAUSE_S)
            try:
                answer = self._session.run([self._program(), "status", "--json", *self._place()])
                last = json.loads(answer.out)["activation"]
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

    def _fail(self, said: str) -> None:
        last = ([*self._stray, *said.strip().splitlines()] or ["no word"])[-1]
        refused = last.startswith(REFUSAL)
        if not self.log and not refused:
            self._doubt(last)
        step, text = ("", last.removeprefix(REFUSAL)) if refused else self.log[-1]
        with contextlib.suppress(DeviceError, ValueError, KeyError, TypeError):
            answer = self._session.run([self._program(), "status", "--json", *self._place()])
            for line in json.loads(answer.out)["activation"]["log"]:
                self._progress.say(f"  | {redacted(line)}")
        raise DeviceError(f"{self._target.name}: {f'{step}: ' if step else ''}{text}")

    def _doubt(self, last: str) -> None:
        """A program that cannot even begin cannot check itself: a file of it is damaged."""
        with contextlib.suppress(DeviceError):
            self._session.agent("doubt", {"root": self._facts.root})
        raise DeviceError(
            f"{self._target.name}: expected the release's program to begin, found: {last}; deploy again: all of it is "
            "checked then"
        )


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk


def redacted(line: str) -> str:
    """A log line without what opens a page."""
    import re

    return re.sub(r"(token=|Bearer |EDGE_ASL_TOKEN=)[^\s&\"']+", r"\1…", line)


def owner() -> str:
    """Whose lock it is: user, machine, process."""
    import getpass
    import socket

    return f"{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}"


def dead_one_of_mine(held: str) -> bool:
    """Whether a lock is that of a deployment from this machine and user that no longer runs."""
    name, _, pid = held.rpartition(":")
    mine = owner().rpartition(":")[0]
    return name == mine and pid.isdecimal() and not Path(f"/proc/{pid}").exists()
