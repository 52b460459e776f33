"""``edge-asl deploy --inventory``: many devices, in waves, by Ansible.

Ansible is a program beside this one, started as its users start it; the playbook lies in ``ansible/`` beside this file
and works without this module, too. What each device was told comes from ``edge-asl pack``, which the playbook asks;
what became of it is read from what ``ansible-playbook`` prints, so that it is known at every moment, Ctrl-C included.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edge_asl.deploy.fleet.packs import Task
from edge_asl.deploy.fleet.results import Device, Heard, Result
from edge_asl.deploy.keys import default_key, sign_for_devices
from edge_asl.errors import DeviceError, ToolMissing
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import read_bundle
from edge_asl_device.errors import one_line

PLAYBOOK = Path(__file__).parent / "ansible" / "deploy.yml"
STALL_S = 3600.0
"""Without a line from Ansible: twice the device's own limit for an activation."""
LIST_S = 120.0
END_S = 20.0
FORKS = 25
SSH_ARGS = "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=5 -o ServerAliveCountMax=4"
"""Ansible's own would compress, and packs are compressed."""
GOOD = (Result.UNCHANGED, Result.ACTIVATED, Result.WOULD_CHANGE)


class Request(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    bundle: Path
    inventory: Path
    serial: list[str]
    """Sizes of the waves, numbers or percentages; the last one repeats."""
    max_fail: float
    """Percentage of a wave; when more fail, the next does not begin."""
    limit: str | None = None
    """Of the inventory: Ansible's pattern."""
    variables: dict[str, Any] = {}
    """``edge_asl_…`` for all devices; they win over the inventory's."""
    key: Path | None = None
    dry_run: bool = False


class Report(Struct, frozen=True, kw_only=True):
    """What became of all."""

    bundle: str
    version: str
    ok: bool
    interrupted: bool
    seconds: float
    devices: list[Device]


def roll_out(request: Request, progress: Progress) -> Report:
    """Start Ansible and wait for its end; Ctrl-C is passed on to it.

    Raises:
        ToolMissing: no Ansible.
        EdgeAslError: the bundle is damaged, signing failed, the inventory cannot be read or names no device.
    """
    started = time.monotonic()
    playbook, inventory = _program("ansible-playbook"), _program("ansible-inventory")
    manifest = read_bundle(request.bundle).manifest
    names = _devices(inventory, request)
    sign_for_devices(request.bundle, request.key, progress.say, again=True)
    with tempfile.TemporaryDirectory(prefix="edge-asl-fleet-") as folder:
        record = Path(folder, "tasks")
        chosen = _variables(request, request.key or default_key(), record)
        command = [playbook, "-i", str(request.inventory), str(PLAYBOOK), "--extra-vars", json.dumps(chosen)]
        command += ["--limit", request.limit] if request.limit else []
        command += ["--check"] * request.dry_run
        heard = Heard()
        status, interrupted = _run(command, heard, progress)
        devices = heard.report(names, _recorded(record), interrupted=interrupted)
    ok = status == 0 and all(device.result in GOOD for device in devices)
    return Report(
        bundle=manifest.name,
        version=manifest.version,
        ok=ok and not interrupted,
        interrupted=interrupted,
        seconds=round(time.monotonic() - started, 1),
        devices=devices,
    )


def format_report(report: Report) -> Iterator[str]:
    """A table for people."""
    wide = max([len("device"), *(len(row.device) for row in report.devices)])
    yield f"{'device':<{wide}}  {'result':<12}  {'release':<12}  {'seconds':>7}  message"
    for row in report.devices:
        message = f"  {row.message}" if row.message else ""
        yield f"{row.device:<{wide}}  {row.result:<12}  {row.release[:12]:<12}  {row.seconds:>7.1f}{message}"
    counts = {result: sum(row.result is result for row in report.devices) for result in Result}
    told = ", ".join(f"{count} {result}" for result, count in counts.items() if count)
    yield f"{report.bundle} {report.version}: {told}; {report.seconds:.0f} s"


def parse_serial(text: str) -> list[str]:
    """``1,25%,100%`` as Ansible takes it.

    Raises:
        DeviceError: not numbers or percentages above 0.
    """
    waves = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"0*[1-9]\d{0,5}|0*([1-9]\d?|100)%", wave) for wave in waves):
        raise DeviceError(f"--serial: expected sizes of waves such as 1,25%,100%, found {text!r}")
    return waves


def parse_max_fail(text: str) -> float:
    """``10%`` as a number.

    Raises:
        DeviceError: not a percentage.
    """
    if not re.fullmatch(r"\d{1,3}(\.\d+)?%?", text) or not 0 <= (found := float(text.rstrip("%"))) <= 100:
        raise DeviceError(f"--max-fail: expected a percentage such as 10%, found {text!r}")
    return found


# before


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name}: expected Ansible for many devices, found none; pip install 'edge-asl[fleet]'")
    return found


def _variables(request: Request, key: Path | None, record: Path) -> dict[str, Any]:
    return {
        "edge_asl_bundle": str(request.bundle.absolute()),
        "edge_asl_serial": request.serial,
        "edge_asl_max_fail": request.max_fail,
        "edge_asl_command": [sys.executable, "-m", "edge_asl"],
        "edge_asl_record": str(record),
        **({"edge_asl_key": str(key.absolute())} if key else {}),
        **request.variables,
    }


def _devices(program: str, request: Request) -> list[str]:
    """The inventory's, by name.

    Raises:
        DeviceError: there are none, or the inventory cannot be read.
    """
    command = [program, "-i", str(request.inventory), "--list"]
    command += ["--limit", request.limit] if request.limit else []
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(),
            timeout=LIST_S,
            check=False,
        )
        groups = json.loads(run.stdout) if run.returncode == 0 else {}
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise DeviceError(f"{request.inventory}: expected an inventory of Ansible's, found: {error}") from error
    names = [name for group in groups.values() for name in group.get("hosts", [])]
    if not names:
        raise DeviceError(_why_none(run.stderr, request))
    return list(dict.fromkeys(names))


_LOCATED = re.compile(r"YAML parsing failed: (?P<what>.+)\nOrigin: (?P<where>/.+:\d+:\d+)$", re.MULTILINE)
_UNREAD = re.compile(
    r"^\[(?:ERROR|WARNING)\]: "
    r"(?:Failed to parse inventory with '(?P<way>\w+)' plugin|YAML parsing failed): (?P<what>.+)$",
    re.MULTILINE,
)


def _why_none(said: str, request: Request) -> str:
    """The error for an inventory in which Ansible, which said this, found nobody."""
    wanted, inventory = "expected an inventory of Ansible's, found", request.inventory
    if located := _LOCATED.search(said):
        return f"{located['where']}: {wanted}: {located['what'].rstrip('.')}; mend it there"
    look = f"mend it, ansible-inventory -i {inventory} --graph shows what is read"
    # It tries one way of reading after the other; only who wrote the file knows which was meant.
    unread = [f"{found['way'] or 'yaml'}: {found['what'].rstrip('.')}" for found in _UNREAD.finditer(said)]
    if unread:
        return one_line(f"{inventory}: {wanted}: {'; '.join(unread)}; {look}")
    limit = f" of {request.limit}" if request.limit else ""
    return f"{inventory}: expected devices{limit}, found none; {look}"


def _environment() -> dict[str, str]:
    """What is read below must look as it is read; the rest is the user's own."""
    fixed = {
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_CHECK_MODE_MARKERS": "0",
        "ANSIBLE_DISPLAY_FAILED_STDERR": "0",
        "ANSIBLE_DISPLAY_OK_HOSTS": "1",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_VERBOSITY": "0",
        "PYTHONUNBUFFERED": "1",
    }
    usual = {} if _has_configuration() else {"ANSIBLE_FORKS": str(FORKS), "ANSIBLE_SSH_ARGS": SSH_ARGS}
    return usual | dict(os.environ) | fixed


def _has_configuration() -> bool:
    # Where ansible-playbook looks for one; what the user wrote there is not overridden.
    places = (Path("ansible.cfg"), Path("~/.ansible.cfg").expanduser(), Path("/etc/ansible/ansible.cfg"))
    return bool(os.environ.get("ANSIBLE_CONFIG")) or any(place.is_file() for place in places)


def _recorded(record: Path) -> dict[str, Task]:
    """What ``edge-asl pack`` answered in every wave."""
    found: dict[str, Task] = {}
    if record.exists():
        for line in record.read_bytes().splitlines():
            found |= msgspec.json.decode(line, type=dict[str, Task])
    return found


# meanwhile


def _run(command: list[str], heard: Heard, progress: Progress) -> tuple[int, bool]:
    """Exit status, and whether somebody pressed Ctrl-C."""
    # A session of its own: nothing can ask on the terminal, and Ctrl-C comes once, from here.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_environment(),
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - for the type checker
    watch = _Watch(process)
    interrupted = False
    while True:
        try:
            for line in process.stdout:
                watch.moved()
                progress.say(line.rstrip("\n"))
                heard.line(line.rstrip("\n"))
            process.wait(END_S)
        except KeyboardInterrupt:
            if interrupted:
                watch.end(signal.SIGKILL)
            interrupted = True
            progress.say("interrupted; devices that are switching go on by themselves")
            watch.end(signal.SIGINT)
            continue
        except subprocess.TimeoutExpired:
            watch.end(signal.SIGKILL)
            continue
        break
    watch.stop()
    if watch.stalled:
        raise DeviceError(f"ansible-playbook: expected a word within {STALL_S:g} s, found none; see edge-asl status")
    if process.returncode < 0 and not interrupted:
        progress.say(f"ansible-playbook: ended by signal {-process.returncode}; devices that are switching go on")
    return process.returncode, interrupted


class _Watch:
    """Ends a process that says nothing for too long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._moved_s, self._ended = process, time.monotonic(), threading.Event()
        self.stalled = False
        threading.Thread(target=self._wait, daemon=True).start()

    def moved(self) -> None:
        self._moved_s = time.monotonic()

    def stop(self) -> None:
        self._ended.set()

    def end(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _wait(self) -> None:
        while not self._ended.wait(1.0):
            if time.monotonic() - self._moved_s > STALL_S:
                self.stalled = True
                self.end(signal.SIGKILL)
                return
