"""Without systemd: the program runs until it is stopped, and nothing restarts it. For trying a deployment out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import write_atomically
from edge_asl_device.releases.compiled import NO_COMPILING
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.settings import read_settings

END_S = 5.0
LOG_BYTES = 1_000_000


class Plain:
    """The program in a session of its own, known by ROOT/kiosk.pid; its output goes to ROOT/kiosk.log."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._pid_file = installation.root / "kiosk.pid"
        self._log_file = installation.root / "kiosk.log"
        self._log_start = 0

    def install(self, units: Path) -> None:
        """Nothing to do."""

    def running(self) -> bool:
        return self._pid() is not None

    def reload(self) -> None:
        pid = self._pid()
        if pid is None:
            raise ReleaseError(f"{self._pid_file}: the program is not running; start it with edge-asl-device activate")
        self._log_start = self._log_file.stat().st_size if self._log_file.exists() else 0
        os.kill(pid, signal.SIGHUP)

    def restart(self) -> None:
        self.stop()
        if self._log_file.exists() and self._log_file.stat().st_size > LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        site = read_settings(self._installation.settings)
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            process = subprocess.Popen(
                [self._installation.program, "run", self._installation.current / "bundle", *site.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=os.environ | site.environment | {NO_COMPILING: "1"},
                start_new_session=True,
            )
        write_atomically(self._pid_file, f"{process.pid} {_started(process.pid)}\n")

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to its whole session."""
        pid = self._pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it may end by itself at this very moment
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_S
        while self._pid() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)

    def log(self, lines: int) -> list[str]:
        """The end of the log file, from the last ``reload`` or ``restart`` on."""
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(self._log_start, self._log_file.stat().st_size - 500 * lines))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        return ["tail", f"--lines={lines}", *(["--follow=name", "--retry"] * follow), str(self._log_file)]

    def _pid(self) -> int | None:
        """The process, if it is the one that was started: process numbers are reused."""
        try:
            pid, started = self._pid_file.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return None
        return int(pid) if pid.isdecimal() and started == _started(int(pid)) else None


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since the machine was (field 22 of proc(5)'s stat); None for dead ones."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
