"""What became of every device, from the lines that ``ansible-playbook`` prints with its default callback."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from edge_asl.deploy.fleet.packs import Task
from edge_asl.deploy.ssh import reason
from edge_asl_device.errors import one_line

ACTIVATE, ASK = "Activate", "Ask what became of it"
DECIDE = "Decide what they need and pack it"
PLAN = "Say what is to be done"
CONNECT_S = 10
"""Ansible's own limit for a connection."""
LONGEST = 300
"""Of a message in the table; Ansible's lines above it have everything."""

_TASK = re.compile(r"TASK \[(?:\S+ : )?(?P<task>.*)\] \**")
_EVENT = re.compile(
    r"(?P<what>ok|changed|fatal|failed): \[(?P<device>[^\]]+?)(?: -> [^\]]+)?\](?:: (?P<how>FAILED|UNREACHABLE)!)?"
    r"(?: \(item=[^)]*\))?(?: => (?P<result>.*))?"
)


class Result(StrEnum):
    """What became of one device."""

    UNCHANGED = "unchanged"
    ACTIVATED = "activated"
    WOULD_CHANGE = "would change"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_REACHED = "not reached"


class Device(Struct, kw_only=True):
    """One row."""

    device: str
    result: Result = Result.NOT_REACHED
    release: str = ""
    seconds: float = 0.0
    message: str = ""


class Heard:
    """Reads line by line."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._task = ""
        self._wave_s = time.monotonic()
        self._decision = ""
        self._open: list[str] = []

    def line(self, line: str) -> None:
        """One more line."""
        if self._open:
            self._open.append(line)
            if line == "}":
                lines, self._open = self._open, []
                self.line("".join(lines))
        elif line.startswith("PLAY ["):
            self._wave_s = time.monotonic()
        elif found := _TASK.fullmatch(line):
            self._task = found["task"]
        elif found := _EVENT.fullmatch(line):
            if found["result"] == "{":  # what Ansible shows in any case it shows on many lines
                self._open = [line]
            else:
                self._event(found)

    def _event(self, found: re.Match[str]) -> None:
        device = self._devices.setdefault(found["device"], Device(device=found["device"]))
        device.seconds = round(time.monotonic() - self._wave_s, 1)
        if found["what"] in ("fatal", "failed"):
            self._failed(device, found["how"], _decoded(found["result"]))
        elif self._task in (ACTIVATE, ASK):
            device.result, device.message = Result.ACTIVATED, ""
        elif self._task == PLAN and found["what"] == "changed":
            device.result = Result.WOULD_CHANGE

    def _failed(self, device: Device, how: str | None, found: dict[str, Any]) -> None:
        if how == "UNREACHABLE":
            said = str(found.get("msg", ""))
            device.result = Result.UNREACHABLE
            device.message = reason(device.device, said, CONNECT_S) or _short(said)
        elif self._task == ACTIVATE:
            device.result, device.message = _outcome(found)
        elif self._task == ASK:
            device.result, device.message = _afterwards(found)
        elif device.result is Result.NOT_REACHED:  # what follows a failed activation adds nothing
            device.result, device.message = Result.REFUSED, _message(found)
            if self._task == DECIDE:
                self._decision = device.message

    def report(self, names: Iterable[str], tasks: Mapping[str, Task], *, interrupted: bool) -> list[Device]:
        """What became of each.

        Args:
            names: of all that were to be reached.
            tasks: what ``edge-asl pack`` answered, for those that it was asked about.
            interrupted: by a person.
        """
        return [self._row(name, tasks.get(name), interrupted=interrupted) for name in names]

    def _row(self, name: str, task: Task | None, *, interrupted: bool) -> Device:
        device = self._devices.get(name)
        if device is None:
            return Device(device=name)
        device.release = task.release if task else ""
        if device.result is Result.WOULD_CHANGE and task:
            device.message = ", ".join(_in_short(task))
        if device.result is not Result.NOT_REACHED:
            return device
        if task and not task.refused and not task.plan:
            device.result = Result.UNCHANGED
        elif self._decision:
            device.result, device.message = Result.REFUSED, self._decision
        elif interrupted:
            device.message = "interrupted; if it was switching, it goes on by itself: edge-asl status"
        else:
            device.message = "the roll-out stopped before its switch"
        return device


def _in_short(task: Task) -> Iterator[str]:
    if task.sent_bytes:
        yield f"send {task.sent_bytes / 1e6:.1f} MB"
    yield from (command.name for command in task.prepare if command.argv[4:5] != ["unpack"])
    yield f"activate {task.release[:12]}"


def _decoded(text: str | None) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(text or "")
        if isinstance(found, dict):
            return found
    return {"msg": text or ""}


def _message(found: Mapping[str, Any]) -> str:
    """The agent's own words, a command's last ones, or Ansible's."""
    said = found.get("stdout_lines") or [""]
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return _short(json.loads(said[-1])["error"])
    lines = [line for line in found.get("stderr_lines") or [] if line.strip()]
    return _short(lines[-1] if lines else found.get("msg", ""))


def _outcome(found: Mapping[str, Any]) -> tuple[Result, str]:
    """``edge-asl-device activate`` ends with a line of its outcome and a reason."""
    outcome, _, reason = str((found.get("stdout_lines") or [""])[-1]).partition(" ")
    known = {"refused": Result.REFUSED, "rolled-back": Result.ROLLED_BACK, "failed": Result.FAILED}
    return (known[outcome], _short(reason)) if outcome in known else (Result.REFUSED, _message(found))


def _afterwards(found: Mapping[str, Any]) -> tuple[Result, str]:
    """``edge-asl-device status --json`` after the connection was lost."""
    try:
        last = json.loads(found["stdout"])["activation"]
        return _outcome({"stdout_lines": [f"{last['outcome']} {last['message']}"]})
    except (ValueError, KeyError, TypeError):
        return Result.FAILED, _message(found)


def _short(text: object) -> str:
    line = one_line(str(text))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
