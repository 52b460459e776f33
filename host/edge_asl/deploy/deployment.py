"""``edge-asl deploy``: facts → plan → apply."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from edge_asl.deploy.environment.platforms import AUTO
from edge_asl.deploy.facts import Facts, read_facts
from edge_asl.deploy.keys import sign_for_devices
from edge_asl.deploy.payload import Payload, Wanted, build_payload, load_ahead
from edge_asl.deploy.plan import Plan, make_plan
from edge_asl.deploy.remote import Session
from edge_asl.deploy.requirements import Choices, check_device
from edge_asl.deploy.steps.agent_steps import Send
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress


class DeployRequest(Struct, frozen=True, kw_only=True):
    """What one deployment is to do."""

    bundle: Path
    target: Target
    choices: Choices
    runtime: str = AUTO
    wheelhouse: Path | None = None
    key: Path | None = None
    """To sign with; None for the default key, if there is one."""
    break_lock: bool = False
    dry_run: bool = False


class DeployReport(Struct, frozen=True, kw_only=True):
    """What one deployment did."""

    target: str
    release: str
    name: str
    version: str
    changed: bool
    plan: Plan
    sent_bytes: int
    """Of files; 0 if the device had them all."""
    wire_bytes: int
    """Everything sent to the device, the agent included, before SSH compresses it."""
    round_trips: int
    seconds: float
    log: list[tuple[str, str]]
    wanted: Wanted
    """Without the thousands of hashes of its files."""
    facts: Facts


def deploy(request: DeployRequest, session: Session, progress: Progress) -> DeployReport:
    """Send a bundle and its environment to a device, and have it switch to them.

    Args:
        request: what is to be done.
        session: of its target. It may still be connecting.
        progress: told what happens.

    Raises:
        EdgeAslError: it failed; the device still runs what it ran before, or runs it again.
    """
    started = time.monotonic()
    target = request.target
    # Half of what an unchanged deployment takes is waiting for the device.
    threading.Thread(target=load_ahead, daemon=True).start()
    facts = read_facts(session, target)
    check_device(facts, request.choices)  # before minutes of downloading
    signer = sign_for_devices(request.bundle, request.key, progress.say, again=True, only_say=request.dry_run)
    choices = replace(request.choices, signer=signer)
    payload = build_payload(request.bundle, facts.platform_of(), request.runtime, request.wheelhouse, progress)
    plan = make_plan(facts, payload.wanted, None, choices)
    log: list[tuple[str, str]] = []
    if plan.steps and not request.dry_run:
        plan, log = _apply(session, request, choices, facts, payload, progress)
    sent = sum(step.size_bytes for step in plan.steps if isinstance(step, Send)) if log else 0
    return DeployReport(
        target=target.name,
        release=payload.wanted.release,
        name=payload.wanted.name,
        version=payload.wanted.version,
        changed=bool(log),
        plan=plan,
        sent_bytes=sent,
        wire_bytes=session.sent,
        round_trips=session.calls,
        seconds=round(time.monotonic() - started, 2),
        log=log,
        wanted=replace(payload.wanted, objects={}, bundle_objects=[]),
        facts=facts,
    )


def _apply(
    session: Session, request: DeployRequest, choices: Choices, facts: Facts, payload: Payload, progress: Progress
) -> tuple[Plan, list[tuple[str, str]]]:
    from edge_asl.deploy.apply import Application

    application = Application(session, request.target, facts, payload, progress)
    missing = application.begin(break_lock=request.break_lock)
    try:
        plan = make_plan(facts, payload.wanted, missing, choices)
    except DeviceError:
        application.end()
        raise
    for line in format_plan(plan, payload.wanted, facts):
        progress.say(line)
    application.apply(plan)
    return plan, application.log


def format_plan(plan: Plan, wanted: Wanted, facts: Facts) -> Iterator[str]:
    """The plan for people."""
    yield f"{facts.host}: {facts.system}, {facts.machine}, Python {facts.python}, {facts.free_mb} MB free"
    yield f"release {wanted.release[:12]}: {wanted.name} {wanted.version}, {wanted.kind}, program {wanted.program}"
    yield from (f"note: {note}" for note in plan.notes)
    if not plan.steps:
        yield "nothing to do: this release is running and healthy"
    for number, step in enumerate(plan.steps, 1):
        yield f"{number}. {step.says}"
