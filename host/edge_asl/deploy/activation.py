"""Following an activation: what the device reports while it switches, and how it ended if the connection broke."""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import Any, NoReturn

from edge_asl.deploy.reasons import REFUSAL, telling_line
from edge_asl.deploy.remote import Session
from edge_asl.deploy.steps.step import DetachedCommand, StepContext
from edge_asl.errors import DeviceError, Unreachable
from edge_asl.progress import Progress

STALL_S = 300.0
"""The longest silence is hashing a whole environment on a slow card, the next a health check."""
AFTERWARDS_S = 900.0
"""How long a lost device is asked for the outcome; an activation ends within that by its own limits."""
PAUSE_S = 2.0


class ActivationWatch:
    """One activation on one device, by ``command``.

    Args:
        session: of the device.
        context: of the command.
        release: what is activated.
        command: that does it there.
        before: ``activation.json`` as it was found before.
        progress: shows what the device reports.
    """

    def __init__(
        self,
        session: Session,
        context: StepContext,
        release: str,
        command: DetachedCommand,
        before: dict[str, Any] | None,
        progress: Progress,
    ) -> None:
        self._session, self._context, self._release, self._progress = session, context, release, progress
        self._before_s = (before or {}).get("since")
        self._name, self._command = session.remote.name, command
        self.log: list[tuple[str, str]] = []
        """What the device reported: (step, text)."""
        self._stray: list[str] = []

    def follow(self) -> None:
        """Run it to its end.

        Raises:
            DeviceError: the device refused the release or went back to the one before.
        """
        try:
            result = self._session.program([*self._command.argv, "--json"], on_line=self._read, stall_s=STALL_S)
        except DeviceError as error:
            if not (isinstance(error, Unreachable) or self.log):
                raise
            self._progress.say(f"{error}; the device carries on by itself, asking for the outcome")
            self._ask()
            return
        if result.status != 0:
            self._fail(result.err)

    def _read(self, line: str) -> None:
        reported = step_of(line)
        if reported is None:
            self._stray.append(line)
            self._progress.say(f"  {line}")
            return
        self.log.append(reported)
        self._progress.say("  {:<12}{}".format(*reported))

    def _ask(self) -> None:
        deadline = time.monotonic() + AFTERWARDS_S
        while time.monotonic() < deadline:
            time.sleep(PAUSE_S)
            try:
                last = self._last_activation()
            except (DeviceError, ValueError, KeyError):
                continue
            if not last or last["release"] != self._release or last["since"] == self._before_s:
                raise DeviceError(f"{self._name}: the connection broke before the switch; deploy again")
            if last["at_work"]:
                continue
            self.log.append((last["outcome"], last["message"]))
            if last["outcome"] != "activated":
                self._fail("")
            return
        raise Unreachable(f"{self._name}: the outcome is still unknown after {AFTERWARDS_S:g} s; see edge-asl status")

    def _last_activation(self) -> Any:
        return json.loads(self._session.program(self._command.outcome).out)["activation"]

    def _fail(self, said: str) -> NoReturn:
        lines = [*self._stray, *said.splitlines()]
        refusals = [line for line in lines if line.startswith(REFUSAL)]
        last = (refusals or [telling_line("\n".join(lines)) or "no output"])[-1]
        refused = bool(refusals)
        if not self.log and not refused:
            self._request_recheck(last)
        step, text = ("", last.removeprefix(REFUSAL)) if refused else self.log[-1]
        with contextlib.suppress(DeviceError, ValueError, KeyError, TypeError):
            for line in self._last_activation()["log"]:
                self._progress.say(f"  | {redacted(line)}")
        raise DeviceError(f"{self._name}: {f'{step}: ' if step else ''}{text}")

    def _request_recheck(self, last: str) -> NoReturn:
        """A program that cannot even start cannot check itself: a file of it is damaged."""
        with contextlib.suppress(DeviceError):
            self._session.agent("recheck", {"paths": self._context.installation.paths()})
        raise DeviceError(
            f"{self._name}: the release's program does not start: {last}; deploy again: every file is checked then"
        )


def step_of(line: str) -> tuple[str, str] | None:
    """(step, what became of it) from a line of an activation's JSON; None for any other line.

    Such a line is a refusal before the first step, or the traceback of a program that cannot start.
    """
    try:
        said = json.loads(line)
        return str(said["step"]), str(said["text"])
    except (ValueError, KeyError, TypeError):
        return None


def redacted(line: str) -> str:
    """A log line without what opens a page."""
    return re.sub(r"(token=|Bearer |EDGE_ASL_TOKEN=)[^\s&\"']+", r"\1…", line)
