"""Which steps are due: a pure function from (facts, release, what is missing) to a list of plain values.

Nothing is read or sent here, so a plan can be printed, stored and compared. An empty plan means nothing to do.
"""

from __future__ import annotations

from msgspec import Struct

from edge_asl.deploy.facts import Facts
from edge_asl.deploy.payload import Wanted
from edge_asl.deploy.requirements import Choices, check_device, check_edgetpu, check_trust, notes_on
from edge_asl.deploy.steps.agent_steps import Configure, Lock, Screen, Send, Unlock
from edge_asl.deploy.steps.release_steps import Activate, Trust
from edge_asl.errors import DeviceError

SPARE_MB = 50
"""Kept free in any case, for logs and records."""
COMPILED_SHARE = 0.15
"""Compiled modules and folders on top of a new environment's files; 0.1 measured."""

AnyStep = Lock | Send | Configure | Screen | Trust | Activate | Unlock


class Plan(Struct, frozen=True):
    """Steps in order, and notes for people."""

    steps: list[AnyStep]
    notes: list[str]


def make_plan(facts: Facts, wanted: Wanted, missing: dict[str, int] | None, choices: Choices) -> Plan:
    """Decide.

    Args:
        missing: SHA-256 → bytes that are there already, of files that the device does not have whole. None if it has
            not been asked: then the bundle's, and the environment's unless a release there has it.

    Raises:
        DeviceError: the device cannot take it; the message says what to do.
    """
    check_device(facts, choices)
    check_edgetpu(facts, wanted)
    notes = [*wanted.notes, *notes_on(facts, choices.mode, wanted)]
    settings: list[AnyStep] = []
    if choices.options is not None and choices.options != facts.options:
        settings.append(Configure(options=choices.options))
    if choices.screen and not facts.screen:
        settings.append(Screen())
    staged = _staged(facts, wanted)
    serves = facts.current("digest") == wanted.release
    if staged and serves and facts.healthy and not settings:
        return Plan([], notes)
    check_trust(facts, wanted, choices, serves=serves)
    send = [] if staged else [_send(facts, wanted, missing)]
    trust = [Trust(key=choices.signer)] if choices.signer and not facts.signers else []
    activate = Activate(
        release=wanted.release,
        restart=bool(settings),
        configured=any(isinstance(step, Configure) for step in settings),
        allow_downgrade=choices.allow_downgrade,
        health_limit_s=choices.health_limit_s,
        keep=choices.keep,
    )
    return Plan([Lock(), *send, *settings, *trust, activate, Unlock()], notes)


def needs_repair(facts: Facts) -> bool:
    """Whether the last activation found damaged files, or a program there does not run."""
    status = facts.status or {}
    if facts.recheck or "problem" in status:
        return True
    last = status.get("activation") or {}
    return last.get("outcome") == "refused" and last.get("step") == "verify"


def _staged(facts: Facts, wanted: Wanted) -> bool:
    """Whether the wanted release is there, undamaged as far as is known."""
    if needs_repair(facts):
        return False
    return any(
        release["digest"] == wanted.release
        and "problem" not in release
        and release.get("signature") == wanted.signature
        for release in facts.releases
    )


def stage(facts: Facts, wanted: Wanted, missing: dict[str, int], choices: Choices) -> Send:
    """Only to lay the release out beside the one that runs.

    Raises:
        DeviceError: the device cannot take it.
    """
    check_device(facts, choices)
    return _send(facts, wanted, missing)


def _send(facts: Facts, wanted: Wanted, missing: dict[str, int] | None) -> Send:
    environments = {release.get("environment") for release in facts.releases}
    new_environment = wanted.environment not in environments
    if missing is None:
        missing = dict.fromkeys(wanted.objects if new_environment else wanted.bundle_objects, 0)
    to_send = sum(wanted.objects[sha] - there for sha, there in missing.items())
    needed_mb = to_send / 1e6 + (wanted.environment_mb * COMPILED_SHARE if new_environment else 0) + SPARE_MB
    if needed_mb > facts.free_mb:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected {needed_mb:.0f} MB of free space, found {facts.free_mb}; "
            "free some space, or deploy with --keep 2"
        )
    repair = needs_repair(facts)
    return Send(files=len(missing), size_bytes=to_send, environment=new_environment or repair, repair=repair)
