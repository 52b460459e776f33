"""What became of every device, from the events of a roll-out (https://docs.ansible.com/projects/runner)."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from edge_asl.deploy.ssh import reason
from edge_asl_device.errors import one_line

LIST, BUILD, CHOOSE, PLAN = "List the devices", "Build update packages", "Choose the update", "Show the plan"
ACTIVATE, ASK = "Activate", "Ask how it ended"
"""Tasks of the playbook."""
CONNECT_S = 10
"""Ansible's own limit for a connection."""
LONGEST = 300
"""Of a message in the table; Ansible's output above it has everything."""


class Outcome(StrEnum):
    """What became of one device."""

    UNCHANGED = "unchanged"
    ACTIVATED = "activated"
    WOULD_CHANGE = "would change"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_REACHED = "not reached"


class DeviceResult(Struct, kw_only=True):
    """One row of the table."""

    device: str
    result: Outcome = Outcome.NOT_REACHED
    release: str = ""
    seconds: float = 0.0
    message: str = ""

    def becomes(self, result: Outcome, message: str = "") -> None:
        """Set the outcome."""
        self.result, self.message = result, message


class Results:
    """Follows a roll-out, event by event."""

    def __init__(self) -> None:
        self.devices: dict[str, DeviceResult] = {}
        """All that the roll-out is for, in the inventory's order."""
        self._summaries: dict[str, str] = {}
        self._wave_s = time.monotonic()

    def take(self, event: Mapping[str, Any]) -> None:
        """One more event of ansible-runner's."""
        kind, about = event["event"], event.get("event_data") or {}
        task, answer, device = about.get("task"), about.get("res") or {}, self.devices.get(about.get("host", ""))
        if kind == "playbook_on_play_start":
            self._wave_s = time.monotonic()
        elif task == LIST and kind == "runner_on_ok":
            self.devices = {name: DeviceResult(device=name) for name in answer["ansible_play_hosts_all"]}
        elif device and kind.startswith("runner_"):
            device.seconds = max(0.1, round(time.monotonic() - self._wave_s, 1))  # 0: nothing was asked of it
            if kind == "runner_on_ok":
                self._succeeded(device, task, answer)
            elif kind == "runner_on_unreachable":
                said = str(answer.get("msg", ""))
                device.becomes(Outcome.UNREACHABLE, reason(device.device, said, CONNECT_S) or _short(said))
            elif kind in ("runner_on_failed", "runner_item_on_failed"):
                self._failed(device, task, answer)

    def _succeeded(self, device: DeviceResult, task: str | None, answer: Mapping[str, Any]) -> None:
        if task == CHOOSE:
            update = answer["ansible_facts"]["edge_asl_update"]
            device.release, self._summaries[device.device] = update["release"], update["summary"]
            if not update["refused"] and not update["plan"]:
                device.becomes(Outcome.UNCHANGED)
        elif task == PLAN and answer.get("changed"):
            device.becomes(Outcome.WOULD_CHANGE, self._summaries[device.device])
        elif task in (ACTIVATE, ASK):
            device.becomes(Outcome.ACTIVATED)

    def _failed(self, device: DeviceResult, task: str | None, answer: Mapping[str, Any]) -> None:
        if task in (ACTIVATE, ASK):
            device.becomes(*_activation(answer, Outcome.REFUSED if task == ACTIVATE else Outcome.FAILED))
            return
        # Packages are built once for the whole wave; what follows a failed activation adds nothing.
        for one in self.devices.values() if task == BUILD else [device]:
            if one.seconds and one.result is Outcome.NOT_REACHED:
                one.becomes(Outcome.REFUSED, _message(answer))

    def final(self, *, interrupted: bool) -> list[DeviceResult]:
        """A row for each device.

        Args:
            interrupted: whether a person stopped the roll-out.
        """
        why = "interrupted; if it was already switching, it carries on by itself: see edge-asl status"
        for device in self.devices.values():
            if device.result is Outcome.NOT_REACHED and device.seconds:
                device.message = why if interrupted else "the roll-out stopped before this device switched"
        return list(self.devices.values())


def _activation(answer: Mapping[str, Any], otherwise: Outcome) -> tuple[Outcome, str]:
    """From the last line of ``edge-asl-device activate``, or from ``status --json`` if the connection was lost."""
    line = str((answer.get("stdout_lines") or [""])[-1])
    with contextlib.suppress(ValueError, KeyError, TypeError):
        line = "{outcome} {message}".format(**json.loads(line)["activation"])
    outcome, _, why = line.partition(" ")
    known = {"refused": Outcome.REFUSED, "rolled-back": Outcome.ROLLED_BACK, "failed": Outcome.FAILED}
    if outcome == "activated":  # an earlier one
        return Outcome.REFUSED, "the connection broke before the switch; deploy again"
    return (known[outcome], _short(why)) if outcome in known else (otherwise, _message(answer))


def _message(answer: Mapping[str, Any]) -> str:
    """The agent's own error, a command's last line, or Ansible's message."""
    out, err = ([line for line in answer.get(key) or [] if line.strip()] for key in ("stdout_lines", "stderr_lines"))
    with contextlib.suppress(IndexError, ValueError, KeyError, TypeError):
        return _short(json.loads(out[-1])["error"])
    return _short([answer.get("msg", ""), *out, *err][-1])


def _short(text: object) -> str:
    line = one_line(str(text))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
