"""Defines ``Step``, the base of all steps, and the kinds of command that a step runs on a device.

Commands are plain values: one device over SSH and many devices through Ansible run the same ones.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from edge_asl.deploy.payload import Payload
from edge_asl.progress import Progress
from edge_asl_device.releases.installation import Installation, program_of


class StepContext(NamedTuple):
    """What a step's command depends on beside the step itself."""

    installation: Installation
    environment: str
    """Digest of the environment that the new release runs in."""
    owner: str
    """Of the device's lock."""

    @property
    def program(self) -> str:
        """The new release's program; there as soon as the release is laid out."""
        return str(program_of(self.installation.environments / self.environment))

    @property
    def held(self) -> dict[str, Any]:
        """For every command of ``agent.py`` under a lock: where, and whose."""
        return {"paths": self.installation.paths(), "owner": self.owner}


class AgentCommand(NamedTuple):
    """A command of ``agent.py``, which the device's own Python runs from memory."""

    name: str
    arguments: dict[str, Any]
    stall_s: float = 60.0


class ProgramCommand(NamedTuple):
    """A command of the new release's own program."""

    argv: list[str]


class DetachedCommand(NamedTuple):
    """One that reports its progress and carries on by itself when the connection breaks."""

    argv: list[str]
    outcome: list[str]
    """Asks what became of it."""


Command = AgentCommand | ProgramCommand | DetachedCommand


class Step(Struct, frozen=True, kw_only=True, tag_field="step", tag=str.lower):
    """One thing to do on a device."""

    @property
    def name(self) -> str:
        """One word, as in a plan's JSON."""
        return type(self).__name__.lower()

    @property
    def says(self) -> str:
        """The step as a line of a plan."""
        return self.name

    def command(self, context: StepContext) -> Command | None:
        """What the device runs; None if the connection itself takes care of it."""
        return None

    def stdin(self, payload: Payload, missing: Mapping[str, int], progress: Progress) -> Generator[bytes]:
        """What the command is given on standard input.

        Args:
            payload: the release's bytes.
            missing: SHA-256 → bytes that are there already, of files that the device does not have whole.
            progress: shows how far it is.
        """
        yield from ()
