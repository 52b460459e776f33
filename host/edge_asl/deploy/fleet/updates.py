"""What each of many devices needs: a package that any tool can deliver, and the commands to run with it."""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_asl.deploy.deployment import format_plan
from edge_asl.deploy.environment.layout import cache_folder, delete_unused
from edge_asl.deploy.environment.platforms import AUTO, Platform
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.fleet.package import build_package
from edge_asl.deploy.keys import sign_for_devices
from edge_asl.deploy.lock import lock_owner, may_break
from edge_asl.deploy.payload import Payload, build_payload
from edge_asl.deploy.plan import SPARE_MB, make_plan
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.steps.agent_steps import Send
from edge_asl.deploy.steps.release_steps import Activate
from edge_asl.deploy.steps.step import AgentCommand, ProgramCommand, StepContext
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.releases.installation import Installation


class Device(Choices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device's facts, and what was chosen for it; the playbook sends these."""

    facts: Facts
    runtime: str = AUTO
    break_lock: bool = False


class Update(Struct, frozen=True, kw_only=True):
    """What to do on one device, the commands in the order of the fields."""

    refused: str | None = None
    """Why the device cannot be updated."""
    release: str = ""
    plan: list[str] = []
    """For people; empty if the device is up to date."""
    summary: str = ""
    package: str | None = None
    """A file of the workstation's to deliver and run, with ``unpack`` as its arguments."""
    unpack: list[str] = []
    prepare: list[list[str]] = []
    activate: list[str] = []
    status: list[str] = []
    """Asks a device that was lost during ``activate`` how it ended."""


def read_devices(path: Path) -> dict[str, Device]:
    """Devices by name, from JSON; ``-`` is standard input. Numbers may be in quotes: inventories write them so.

    Raises:
        DeviceError: the JSON is something else.
        OSError: the file cannot be read.
    """
    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    try:
        return msgspec.convert(msgspec.json.decode(data), dict[str, Device], strict=False)
    except msgspec.DecodeError as error:
        raise DeviceError(
            f"--facts {path}: expected devices as Ansible's playbook sends them, found: {error}"
        ) from error


def updates_for(
    devices: dict[str, Device],
    bundle: Path,
    progress: Progress,
    key: Path | None = None,
    wheelhouse: Path | None = None,
    folder: Path | None = None,
) -> dict[str, Update]:
    """What each device needs; the packages are in ``folder``, or in the user's cache.

    Raises:
        EdgeAslError: the bundle is damaged, or signing it failed. What is wrong with one device is in its update.
    """
    signer = sign_for_devices(bundle, key, progress.say, again=False)
    packages = cache_folder() / "packages"
    delete_unused(packages)

    @cache
    def payload_for(platform: Platform, runtime: str) -> Payload:
        return build_payload(bundle, platform, runtime, wheelhouse, progress)

    def update_for(device: Device) -> Update:
        facts = replace(device.facts, clock_off_s=round(device.facts.clock - time.time(), 1))
        try:
            payload = payload_for(facts.platform_of(), device.runtime)
            return _update(
                replace(device, facts=facts, signer=signer), payload, (folder or packages).absolute(), progress
            )
        except EdgeAslError as error:
            return Update(refused=str(error))

    return {name: update_for(device) for name, device in devices.items()}


def _update(device: Device, payload: Payload, folder: Path, progress: Progress) -> Update:
    facts, wanted, missing = device.facts, payload.wanted, payload.missing_from(device.facts.releases)
    plan = make_plan(facts, wanted, missing, device)
    if not plan.steps:
        return Update(release=wanted.release)
    # This process ends before the device unpacks anything: with its number the lock would look like a dead one's.
    owner = f"{lock_owner().rpartition(':')[0]}:fleet"
    context = StepContext(Installation.at(facts.root, device.mode), wanted.environment, owner)
    commands = [step.command(context) for step in plan.steps]
    agent = [(command.name, command.arguments) for command in commands if isinstance(command, AgentCommand)]
    send = next((step for step in plan.steps if isinstance(step, Send)), None)
    package = build_package(payload, send, missing, folder, progress) if agent else None
    size_mb = package.stat().st_size / 1e6 if package else 0.0
    if send and (needed_mb := send.size_bytes / 1e6 + size_mb + SPARE_MB) > facts.free_mb:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected {needed_mb:.0f} MB of free space, the package of {size_mb:.0f} MB "
            f"included, found {facts.free_mb}; free some, or deploy to it alone"
        )
    breaks = may_break(facts.lock, asked=device.break_lock)
    unpack = context.held | {"mode": str(device.mode), "break_lock": breaks, "commands": agent}
    activate = next(step for step in plan.steps if isinstance(step, Activate)).command(context)
    return Update(
        release=wanted.release,
        plan=list(format_plan(plan, wanted, facts)),
        summary=", ".join([f"send {size_mb:.1f} MB"] * bool(send) + [f"activate {wanted.release[:12]}"]),
        package=str(package) if package else None,
        unpack=["unpack", json.dumps(unpack)] if package else [],
        prepare=[command.argv for command in commands if isinstance(command, ProgramCommand)],
        activate=activate.argv,
        status=activate.outcome,
    )
