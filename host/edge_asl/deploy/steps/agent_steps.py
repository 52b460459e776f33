"""The lock, and what the agent does under it before the new release's own program can run."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from edge_asl.deploy.payload import Payload
from edge_asl.deploy.steps.step import AgentCommand, Step, StepContext
from edge_asl.progress import Progress

CHUNK = 1 << 18


class Lock(Step, frozen=True):
    """No other deployment from here on.

    Taken before the plan is final: the same answer says which files the device lacks.
    """


class Send(Step, frozen=True):
    """Files by content, then the release laid out from them beside the others."""

    files: int
    size_bytes: int
    environment: bool
    """Whether the list of the environment's files goes along."""
    repair: bool = False

    @property
    def says(self) -> str:
        again = ", every file checked again" if self.repair else ""
        return f"send {self.files} {'file' if self.files == 1 else 'files'}, {self.size_bytes / 1e6:.1f} MB{again}"

    def command(self, context: StepContext) -> AgentCommand:
        # The device may write a whole environment to its card before it answers.
        return AgentCommand("receive", context.held, stall_s=300.0)

    def stdin(self, payload: Payload, missing: Mapping[str, int], progress: Progress) -> Generator[bytes]:
        yield payload.header(missing, environment=self.environment, repair=self.repair)
        with progress.task("sent, KB", self.size_bytes // 1000) as advance:
            sent = 0
            for sha, there in missing.items():
                for chunk in _chunks(payload.sources[sha], there):
                    yield chunk
                    sent += len(chunk)
                    advance(sent // 1000)


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk


class Configure(Step, frozen=True):
    """New options of ``edge-asl-device run``; the switch puts them into effect."""

    options: str

    @property
    def says(self) -> str:
        return f"set options: {self.options}"

    def command(self, context: StepContext) -> AgentCommand:
        return AgentCommand("configure", context.held | {"options": self.options})


class Screen(Step, frozen=True):
    """A browser that shows the page on the device's own screen."""

    @property
    def says(self) -> str:
        return "show the page on the device's screen (cage with Chromium, as user kiosk)"

    def command(self, context: StepContext) -> AgentCommand:
        return AgentCommand("screen", context.held)


class Unlock(Step, frozen=True):
    """Others may deploy again. Done however the deployment ends."""
