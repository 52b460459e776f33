"""What became of every device, from the events of a roll-out (https://docs.ansible.com/projects/runner)."""

from __future__ import annotations

import contextlib
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Any

from msgspec import Struct

from edge_asl.deploy.reasons import ssh_reason
from edge_asl.deploy.ssh import CONNECT_S

_short = partial(textwrap.shorten, width=300, placeholder="…")
"""A message for the table; Ansible's output above it has everything."""


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
    """That its tasks took; 0 if there were none."""
    message: str = ""


class RolloutReport(Struct, kw_only=True):
    """What became of all devices."""

    bundle: str
    version: str
    ok: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    devices: list[DeviceResult] = []
    """In the inventory's order."""

    def take(self, event: Mapping[str, Any]) -> None:
        """One more event of ansible-runner's."""
        about = event.get("event_data") or {}
        what, task, answer = event["event"].removeprefix("runner_on_"), about.get("task"), about.get("res") or {}
        if task == "List the devices" and what == "ok" and not self.devices:
            self.devices = [DeviceResult(device=name) for name in answer["ansible_play_hosts_all"]]
        for device in self.devices:
            if device.device == about.get("host"):
                device.seconds += about.get("duration") or 0.0
                _follow(device, what, task, answer)
            elif task == "Build update packages" and what == "failed" and device.seconds:  # for the whole wave
                _follow(device, what, task, answer)

    def end(self, status: str, seconds: float) -> None:
        """Ansible has ended: it was ``successful``, has ``failed``, or was ``canceled`` by a person."""
        self.ok, self.interrupted, self.seconds = status == "successful", status == "canceled", round(seconds, 1)
        why = "the roll-out stopped before this device switched"
        if self.interrupted:
            why = "interrupted; if it was already switching, it carries on by itself: see edge-asl status"
        for device in self.devices:
            if device.result is Outcome.NOT_REACHED and device.seconds:
                device.message = why
            device.seconds = round(device.seconds, 1)


def format_report(report: RolloutReport) -> Iterator[str]:
    """A table for people."""
    wide = max([len("device"), *(len(row.device) for row in report.devices)])
    yield f"{'device':<{wide}}  {'result':<12}  {'release':<12}  {'seconds':>7}  message"
    for row in report.devices:
        line = f"{row.device:<{wide}}  {row.result:<12}  {row.release[:12]:<12}  {row.seconds:>7.1f}  {row.message}"
        yield line.rstrip()
    counts = Counter(row.result for row in report.devices)
    told = ", ".join(f"{count} {result}" for result, count in counts.items())
    yield f"{report.bundle} {report.version}: {told}; {report.seconds:.0f} s"


def _follow(device: DeviceResult, what: str, task: str | None, answer: Mapping[str, Any]) -> None:
    """One more task of the device's is ``ok``, has ``failed``, or found it ``unreachable``."""
    match what, task:
        case "ok", "Choose the update":
            update = answer["ansible_facts"]["edge_asl_update"]
            device.release, device.message = update["release"], update["summary"]
            if not update["refused"] and not update["plan"]:
                device.result = Outcome.UNCHANGED
        case "ok", "Show the plan" if answer.get("changed"):
            device.result = Outcome.WOULD_CHANGE
        case "ok", "Activate" | "Ask how it ended":
            device.result, device.message = Outcome.ACTIVATED, ""
        case "failed", "Activate" | "Ask how it ended":
            otherwise = Outcome.REFUSED if task == "Activate" else Outcome.FAILED
            device.result, device.message = _reported(answer) or (otherwise, _message(answer))
        case "failed", _ if device.result is Outcome.NOT_REACHED:  # what follows a failed activation adds nothing
            device.result, device.message = Outcome.REFUSED, _message(answer)
        case "unreachable", _:
            # What ssh itself said follows Ansible's own words, which differ between its versions.
            said = re.split(r"\b(?:via|over) ssh: ", str(answer.get("msg", "")))[-1]
            device.result = Outcome.UNREACHABLE
            device.message = ssh_reason(device.device, said, CONNECT_S) or _short(said)


def _reported(answer: Mapping[str, Any]) -> tuple[Outcome, str] | None:
    """From the last line of ``edge-asl-device activate``, or from ``status --json`` if the connection was lost."""
    line = str((answer.get("stdout_lines") or [""])[-1])
    with contextlib.suppress(ValueError, KeyError, TypeError):
        line = "{outcome} {message}".format(**json.loads(line)["activation"])
    outcome, _, why = line.partition(" ")
    if outcome == "activated":  # an earlier one
        return Outcome.REFUSED, "the connection broke before the switch; deploy again"
    if outcome in ("rolled-back", "refused", "failed"):
        return Outcome(outcome.replace("-", " ")), _short(why)
    return None


def _message(answer: Mapping[str, Any]) -> str:
    """The agent's own error, a command's last line, or Ansible's message."""
    out, err = ([line for line in answer.get(key) or [] if line.strip()] for key in ("stdout_lines", "stderr_lines"))
    with contextlib.suppress(IndexError, ValueError, KeyError, TypeError):
        return _short(str(json.loads(out[-1])["error"]))
    return _short(str([answer.get("msg", ""), *out, *err][-1]))
