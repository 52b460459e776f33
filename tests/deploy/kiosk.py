"""A kiosk for tests: this machine behind a real sshd, mode plain, a folder and a port of its own, a film as camera."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from sshd import Sshd, free_ports

from program import wait_for

FILM = Path(__file__).parent.parent / "data" / "BALLY.mp4"
LIMIT_S = 180.0
HEALTH_LIMIT_S = 45
"""Of releases that are to become healthy, on two busy cores."""


class Done(NamedTuple):
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found

    @property
    def error(self) -> str:
        """Its one line of refusal."""
        assert self.status == 1, (self.status, self.out, self.err)
        assert "\nTraceback" not in self.err, self.err
        line = self.err.strip().splitlines()[-1]
        assert line.startswith("edge-asl: "), self.err
        return line


class Kiosk:
    """One device.

    Args:
        server: how it is reached.
        root: its folder.
        environment: of the commands of ``edge-asl``.
    """

    def __init__(self, server: Sshd, root: Path, environment: dict[str, str]) -> None:
        self.server, self.root, self.environment = server, root, environment
        self.port = free_ports(1)[0]

    @property
    def options(self) -> str:
        """Those of ``edge-asl-device run``."""
        return self.options_with()

    def options_with(self, *more: str) -> str:
        words = ["--source", str(FILM), "--loop", "--port", str(self.port), "--mute", "--max-fps", "5", *more]
        return shlex.join(words)

    @property
    def target_options(self) -> list[str]:
        return ["--mode", "plain", "--root", str(self.root), "--ssh-config", str(self.server.config)]

    def command(self, name: str, *words: object, target: str | None = None) -> list[str]:
        """``edge-asl NAME WORDS… TARGET`` with the target's options."""
        to = ["--on", target or self.server.name] if name == "bench" else [target or self.server.name]
        return [sys.executable, "-m", "edge_asl", name, *map(str, words), *to, *self.target_options]

    def run(self, name: str, *words: object, target: str | None = None, **environment: str) -> Done:
        run = subprocess.run(
            self.command(name, *words, target=target),
            env=self.environment | environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Done(run.returncode, run.stdout, run.stderr)

    def deploy(self, bundle: Path, *words: object, health: float = HEALTH_LIMIT_S, **environment: str) -> Done:
        return self.run("deploy", bundle, "--health-limit", health, *words, **environment)

    def deployed(self, bundle: Path, *words: object, **environment: str) -> dict[str, Any]:
        """Deploy, which must succeed; the report."""
        done = self.deploy(bundle, "--json", *words, **environment)
        assert done.status == 0, done.err
        return done.json

    def started(self, bundle: Path, *words: object, **environment: str) -> Running:
        """A deployment that goes on."""
        words = ("--health-limit", HEALTH_LIMIT_S, *words)
        return Running(self.command("deploy", bundle, *words), self.environment | environment)

    def device(self, *words: object, release: str = "current") -> Done:
        """A command of the program that is installed, typed at the kiosk."""
        program = self.root / release / "environment" / "bin" / "edge-asl-device"
        command = [str(program), *map(str, words), "--root", str(self.root), "--mode", "plain"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return Done(run.returncode, run.stdout, run.stderr)

    def status(self) -> dict[str, Any]:
        return self.device("status", "--json").json

    def linked(self, name: str = "current") -> str | None:
        """The digest that a link names."""
        path = self.root / name
        return path.readlink().name if path.is_symlink() else None

    def health(self) -> dict[str, Any] | None:
        return health_of(self.port)

    def stop(self) -> None:
        """End its program."""
        try:
            pid = int((self.root / "kiosk.pid").read_text().split()[0])
            os.killpg(pid, signal.SIGKILL)
        except (OSError, ValueError):
            return


class Running:
    """``edge-asl deploy`` at work; a context manager that ends it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text: str, limit_s: float = 60.0) -> None:
        """Until it says a line that begins so."""
        said = lambda: any(line.strip().startswith(text) for line in list(self.lines))  # noqa: E731
        wait_for(lambda: said() or self.process.poll() is not None, limit_s, f"{text!r} in {self.lines}")
        assert said(), f"expected {text!r}, found {self.lines}"

    def kill(self) -> None:
        """SIGKILL to the command alone: ssh below it dies of the closed pipes, as after a real one."""
        self.process.kill()
        self.process.wait(10)

    def end(self, limit_s: float = LIMIT_S) -> Done:
        status = self.process.wait(limit_s)
        self._thread.join(10)
        assert self.process.stdout is not None
        return Done(status, self.process.stdout.read(), "\n".join(self.lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Watch:
    """Asks ``/healthz`` all the time; a context manager that knows afterwards whether the kiosk was ever silent."""

    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk
        self._stop = threading.Event()
        self.answers: list[dict[str, Any] | None] = []
        self.times: list[float] = []
        """When each answer came; ``time.monotonic``."""
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            answer = self._kiosk.health()
            self.times.append(time.monotonic())
            self.answers.append(answer)

    @property
    def uninterrupted(self) -> bool:
        """Whether one and the same run answered every time, and read frames."""
        return len(self.runs) == 1 and all(
            one is not None and one["ready"] and one["frames_10s"] for one in self.answers
        )

    @property
    def runs(self) -> set[str]:
        return {one["run"] if one else "" for one in self.answers}

    @property
    def bundles(self) -> set[str]:
        return {one["bundle"]["digest"] for one in self.answers if one}

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self.answers)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(10)


def health_of(port: int) -> dict[str, Any] | None:
    """``/healthz``; None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        found: dict[str, Any] = json.loads(answer)
        return found
    finally:
        connection.close()


def until(happened: Callable[[], object], limit_s: float = 60.0) -> None:
    """Wait, looking often: what is waited for may last milliseconds."""
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s"
        time.sleep(0.002)
