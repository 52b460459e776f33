"""The whole device program in a process of its own, as systemd would start it, and a page that listens to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self


class Listener:
    """A page's ear: keeps the newest ``hello`` and ``state``, and every state since the start."""

    def __init__(self, port: int, path: str = "/events", headers: dict[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.request("GET", path, headers=headers or {})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self.hello: dict[str, Any] = {}
        self.states: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        kind = ""
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            while line := self._answer.readline():
                if line.startswith(b"event: "):
                    kind = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    said = json.loads(line[6:])
                    if kind == "hello":
                        self.hello = said
                    elif kind == "state":
                        self.times.append(time.monotonic())
                        self.states.append(said)
        self.ended.set()

    @property
    def state(self) -> dict[str, Any]:
        """What a page would show now."""
        return self.states[-1] if self.states else {}

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


class Program:
    """``edge-asl-device run`` or ``capture`` on a free port; a context manager.

    Args:
        arguments: after ``python -m edge_asl_device``.
        environment: added to this process's.
        port: of the page; 0 for a free one.
    """

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None, port: int = 0) -> None:
        command = [sys.executable, "-m", "edge_asl_device", *map(str, arguments), "--port", str(port), "--json"]
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self._listeners: list[Listener] = []
        self.port = 0
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.raw.append(line)
            with contextlib.suppress(ValueError):
                self.log.append(json.loads(line))

    def wait_until_ready(self, limit_s: float = 30.0) -> Self:
        """Until it says on which port it serves."""
        wait_for(lambda: self.logged("ready") or self.process.poll() is not None, limit_s)
        assert self.logged("ready"), "".join(self.raw)[-3000:]
        self.port = int(re.search(r":(\d+)/", self.logged("ready")[0]["page"])[1])  # type: ignore[index]
        return self

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one kind."""
        return [line for line in list(self.log) if line.get("event") == event]

    def listen(self, **headers: str) -> Listener:
        """A page that opens now."""
        self._listeners.append(Listener(self.port, headers=headers))
        return self._listeners[-1]

    def forget(self, listener: Listener) -> None:
        """A page that is closed."""
        listener.close()
        self._listeners.remove(listener)

    def ask(
        self, path: str, method: str = "GET", body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {"Content-Type": "application/json"} if method == "POST" else {}
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, given | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        """``/healthz``."""
        found: dict[str, Any] = json.loads(self.ask("/healthz")[1])
        return found

    def press(self, button: str, **arguments: object) -> int:
        """What a button of the page does; the status."""
        return self.ask(f"/api/{urllib.parse.quote(button)}", "POST", arguments)[0]

    def children(self) -> list[int]:
        """Process numbers below the program's."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]

    def end(self, number: signal.Signals = signal.SIGTERM, limit_s: float = 10.0) -> float:
        """Send a signal; the seconds until it had ended."""
        sent_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(limit_s)
        return time.monotonic() - sent_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.close()
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.process.kill()
        self.process.wait(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()


def wait_for(happened: Callable[[], object], limit_s: float = 30.0, why: str = "") -> float:
    """Seconds until ``happened()`` is true; fails when it is not within the limit."""
    started = time.monotonic()
    while not happened():
        if time.monotonic() - started > limit_s:
            raise AssertionError(f"not within {limit_s:g} s: {why or happened}")
        time.sleep(0.02)
    return time.monotonic() - started


@contextlib.contextmanager
def rehearsal(folder: Path, film: Path, state: str = "live") -> Iterator[Callable[[str], None]]:
    """A camera that misbehaves as told: gives a function that tells it."""
    folder.mkdir(exist_ok=True)
    (folder / "video.mp4").symlink_to(film)

    def tell(word: str) -> None:
        beside = folder / "state.new"
        beside.write_text(word)
        beside.rename(folder / "state")

    tell(state)
    yield tell
