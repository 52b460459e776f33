"""What starts and stops the program: systemd, or, in plain mode, only this program."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Protocol

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import write_atomically
from edge_asl_device.other_programs.sayings import Saying, meaning_of, telling_line
from edge_asl_device.releases.installation import ROOTS, Installation, Mode
from edge_asl_device.releases.plain import Plain
from edge_asl_device.systemd import RECOVER, SCREEN, UNIT, USER_RECOVER, USER_UNIT, unit

COMMAND_S = 100.0
"""Longer than the unit's TimeoutStartSec, after which systemctl says why."""
UNIT_FOLDERS = {Mode.SYSTEM: "/etc/systemd/system", Mode.USER: "~/.config/systemd/user"}


REFUSALS = (
    Saying(
        r"not been booted with systemd",
        "systemd does not run this machine; deploy with --mode plain",
    ),
    Saying(
        r"Failed to connect to (?:user scope )?bus|XDG_RUNTIME_DIR.* not defined",
        "the user's systemd does not run; start it at boot with sudo loginctl enable-linger USER, then log in again",
    ),
    Saying(
        r"Access denied|[Ii]nteractive authentication required|Permission denied",
        "only root may do that; deploy as a user who can use sudo without a password, or with --mode user",
    ),
    Saying(r"Unit (?P<unit>\S+) is masked", "{unit} is masked; sudo systemctl unmask {unit}"),
    Saying(
        r"Unit (?P<unit>\S+) has a bad unit file setting",
        "{unit} cannot be read by this systemd; systemd-analyze verify {unit} says which line",
    ),
    Saying(
        r"^Job for (?P<unit>\S+) failed because (?P<what>.+?)\.?$",
        "{unit} failed: {what}; journalctl --unit {unit} says more",
    ),
    Saying(r"Unit (?P<unit>\S+) not found", "{unit} is not installed; deploy again"),
    Saying(r"start request repeated too quickly|start-limit-hit", "it ended too often in a row; see its log"),
    Saying(r"[Tt]ransport endpoint|[Cc]onnection timed out", "systemd does not answer; restart the device"),
    Saying(r"No space left on device", "the disk is full; free some space"),
    Saying(r"Read-only file system", "the disk can only be read; is the card worn out, or the overlay file system on?"),
)
"""What systemctl says → what it means."""


def refusal_of(said: str) -> str:
    """Why systemctl refused; empty if it said nothing."""
    return meaning_of(REFUSALS, said) or telling_line(said, errors="^Failed ")


class ServiceManager(Protocol):
    """Keeps the program of ``current`` running.

    Raises:
        ReleaseError, OSError: from all that change something: it cannot, or systemd refused.
    """

    def install(self, units: Path) -> None:
        """Have it start at boot, if that is possible, with the units in this folder."""
        ...

    def running(self) -> bool:
        """Whether it is running or starting."""
        ...

    def reload(self) -> None:
        """Have the running program load the current bundle."""
        ...

    def restart(self) -> None:
        """Stop it if it is running, and start it."""
        ...

    def stop(self) -> None:
        """Stop it."""
        ...

    def log(self, lines: int) -> list[str]:
        """Its last log lines; after a ``reload`` or ``restart``, only those since then."""
        ...

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """A command that prints them and, with ``follow``, the ones to come."""
        ...


def service_manager_of(installation: Installation) -> ServiceManager:
    """The one for the installation's mode."""
    return Plain(installation) if installation.mode is Mode.PLAIN else Systemd(installation)


class Systemd:
    """systemd, the machine's or a user's."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._user = installation.mode is Mode.USER
        self._folder = Path(UNIT_FOLDERS[installation.mode]).expanduser()
        self._environment = dict(os.environ)
        if self._user:
            # Without a login session, as over SSH, nothing else leads to the user's systemd.
            self._environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        self._since: list[str] = []

    def install(self, units: Path) -> None:
        """Write and enable a release's units; nothing happens where they are installed already."""
        program, recovery = (USER_UNIT, USER_RECOVER) if self._user else (UNIT, RECOVER)
        texts = {UNIT: unit(program, units), RECOVER: unit(recovery, units)}
        if self._installation.screen.exists():
            texts[SCREEN] = unit(SCREEN, units)
        changed = [name for name, text in texts.items() if _replace(self._folder / name, self._with_paths(text))]
        if changed:
            self._systemctl("daemon-reload")
        self._systemctl("enable", "--quiet", *texts)

    def _with_paths(self, text: str) -> str:
        """A unit with this installation's paths: the files name the default ones."""
        changes = {ROOTS[Mode.SYSTEM]: str(self._installation.root)}
        if self._user:
            changes |= {"--mode system": "--mode user", "multi-user.target": "default.target"}
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def running(self) -> bool:
        state = self._systemctl("show", UNIT, "--property=ActiveState", "--value", check=False)
        return state in ("active", "activating", "reloading")

    def reload(self) -> None:
        self._log_from_now()
        self._systemctl("reload", UNIT)

    def restart(self) -> None:
        """Request it without waiting: the health check waits, with a limit of its own."""
        self._log_from_now()
        self._systemctl("reset-failed", UNIT, check=False)
        self._systemctl("restart", "--no-block", UNIT)
        if self._installation.screen.exists():
            self._systemctl("start", "--no-block", SCREEN)

    def stop(self) -> None:
        """Stop it, and do not start it at boot."""
        self._systemctl("disable", "--now", "--quiet", UNIT, check=False)

    def log(self, lines: int) -> list[str]:
        command = [*self.log_command(lines, follow=False), "--output=short-iso", "--quiet", *self._since]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, errors="replace")
        except (OSError, subprocess.TimeoutExpired) as error:
            return [f"no log: {error}"]
        return run.stdout.splitlines()

    def _log_from_now(self) -> None:
        self._since = [f"--since=@{int(time.time())}"]

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        which = "--user-unit" if self._user else "--unit"
        return ["journalctl", which, UNIT, "--no-pager", f"--lines={lines}", *(["--follow"] * follow)]

    def _systemctl(self, *arguments: str, check: bool = True) -> str:
        command = ["systemctl", *(["--user"] * self._user), *arguments]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, timeout=COMMAND_S, check=False, env=self._environment
            )
        except OSError as error:
            raise ReleaseError(f"{' '.join(command)}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise ReleaseError(f"{' '.join(command)}: no answer within {COMMAND_S:g} s") from error
        if check and run.returncode != 0:
            raise ReleaseError(f"{' '.join(command)}: {refusal_of(run.stderr) or f'exit status {run.returncode}'}")
        return run.stdout.strip()


def _replace(path: Path, text: str) -> bool:
    """Write a unit; whether it changed."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except OSError:
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return True
