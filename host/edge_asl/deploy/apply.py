"""Carrying out a plan, one step after the other, whatever they are."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from edge_asl.deploy.activation import ActivationWatch
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.lock import lock_owner, may_break
from edge_asl.deploy.payload import Payload
from edge_asl.deploy.plan import Plan, needs_repair, stage
from edge_asl.deploy.remote import Session
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.steps.step import AgentCommand, DetachedCommand, ProgramCommand, Step, StepContext
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl_device.releases.installation import Installation


class Application:
    """One plan on one device."""

    def __init__(self, session: Session, target: Target, facts: Facts, payload: Payload, progress: Progress) -> None:
        self._session, self._target, self._facts, self._payload = session, target, facts, payload
        self._progress = progress
        installation = Installation.at(facts.root, target.mode)
        self._context = StepContext(installation, payload.wanted.environment, lock_owner())
        self._missing: dict[str, int] = {}
        self.log: list[tuple[str, str]] = []
        """What the device reported while it switched: (step, text)."""

    def begin(self, *, break_lock: bool) -> dict[str, int]:
        """Take the lock; SHA-256 → bytes that are there already, of files that are not whole there."""
        wanted = json.dumps(list(self._payload.wanted.objects.items())).encode()
        arguments = self._context.held | {
            "mode": str(self._target.mode),
            "break_lock": may_break(self._facts.lock, asked=break_lock),
            "repair": needs_repair(self._facts),
        }
        self._missing = self._session.agent("begin", arguments, [wanted], stall_s=300.0)["missing"]
        return self._missing

    def end(self) -> None:
        with contextlib.suppress(DeviceError):
            self._session.agent("end", self._context.held)

    def apply(self, plan: Plan) -> None:
        """All steps in order, after ``begin``.

        Raises:
            DeviceError: a step failed; the device still runs what it ran before, or runs it again.
        """
        try:
            for step in plan.steps:
                self._run(step)
                self._progress.say(f"done: {step.name}")
        finally:
            self.end()

    @contextlib.contextmanager
    def staged(self, choices: Choices) -> Iterator[None]:
        """Only lay the release out beside the one that runs; nobody else deploys or measures meanwhile."""
        missing = self.begin(break_lock=False)
        try:
            self._run(stage(self._facts, self._payload.wanted, missing, choices))
            yield
        finally:
            self.end()

    def discard(self) -> None:
        """Delete the release there again, before ``staged`` ends."""
        wanted = self._payload.wanted
        objects = {"release": wanted.release, "objects": wanted.bundle_objects}
        self._session.agent("discard", self._context.held | objects)

    def _run(self, step: Step) -> None:
        command = step.command(self._context)
        try:
            match command:
                case AgentCommand(name, arguments, stall_s):
                    with contextlib.closing(step.stdin(self._payload, self._missing, self._progress)) as stdin:
                        self._session.agent(name, arguments, stdin, stall_s=stall_s)
                case ProgramCommand(argv):
                    self._session.check(argv)
                case DetachedCommand():
                    release = self._payload.wanted.release
                    before = self._facts.activation
                    watch = ActivationWatch(self._session, self._context, release, command, before, self._progress)
                    self.log = watch.log
                    watch.follow()
        except KeyboardInterrupt:
            detached = isinstance(command, DetachedCommand)
            what = "the device carries on by itself" if detached else "nothing was switched"
            self._progress.say(f"interrupted: {what}; see edge-asl status {self._target.name}")
            raise
