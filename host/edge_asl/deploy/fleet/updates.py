"""What each of many devices needs: an update package that any tool can deliver, and the commands to run with it."""

from __future__ import annotations

import hashlib
import json
import sys
import time
import zipfile
from functools import cache, partial
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_asl.deploy.deployment import format_plan
from edge_asl.deploy.environment.layout import delete_unused
from edge_asl.deploy.environment.platforms import AUTO
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.keys import sign_for_devices
from edge_asl.deploy.lock import lock_owner, may_break
from edge_asl.deploy.payload import Payload, build_payload
from edge_asl.deploy.plan import SPARE_MB, make_plan, needs_repair
from edge_asl.deploy.remote import AGENT
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.steps.agent_steps import Send
from edge_asl.deploy.steps.step import AgentCommand, DetachedCommand, ProgramCommand, StepContext
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl.workstation.cache_folder import cache_folder
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import replacing_file
from edge_asl_device.releases.installation import Installation

LEVEL = 3
"""Of deflate: 80 of 219 MB after 4.5 s; 1 comes to 84 MB after 3.4 s and is slower to unpack, 6 to 75 MB after 10 s."""


class Device(Choices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device's facts, and what was chosen for it; the playbook sends these."""

    facts: Facts
    runtime: str = AUTO
    break_lock: bool = False


class Update(Struct, frozen=True, kw_only=True):
    """What to do on one device, the commands in the order of the fields; none if it is refused or up to date."""

    refused: str | None = None
    release: str = ""
    plan: list[str] = []
    summary: str = ""
    package: str | None = None
    """To deliver and run with the device's Python, with ``unpack`` as its arguments."""
    unpack: list[str] = []
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
        raise DeviceError(f"--facts {path}: not the facts of devices as JSON: {error}") from error


def updates_for(
    devices: dict[str, Device],
    bundle: Path,
    progress: Progress,
    key: Path | None = None,
    wheelhouse: Path | None = None,
    folder: Path | None = None,
) -> dict[str, Update]:
    """What each device needs; the update packages are in ``folder``, or in the user's cache.

    Raises:
        EdgeAslError: the bundle is damaged, or signing it failed. What is wrong with one device is in its update.
        OSError: an update package cannot be written.
    """
    signer = sign_for_devices(bundle, key, progress.say, again=False)
    packages = cache_folder() / "packages"
    delete_unused(packages)
    payload_for = cache(partial(build_payload, bundle, wheelhouse=wheelhouse, progress=progress))

    def update_for(device: Device) -> Update:
        facts = replace(device.facts, clock_off_s=round(device.facts.clock - time.time(), 1))
        device = replace(device, facts=facts, signer=signer)
        try:
            payload = payload_for(facts.platform_of(), device.runtime)
            return _update(device, payload, (folder or packages).absolute(), progress)
        except EdgeAslError as error:
            return Update(refused=str(error))

    return {name: update_for(device) for name, device in devices.items()}


def _update(device: Device, payload: Payload, folder: Path, progress: Progress) -> Update:
    facts, wanted = device.facts, payload.wanted
    missing = payload.missing_from([] if needs_repair(facts) else facts.releases)
    plan = make_plan(facts, wanted, missing, device)
    if not plan.steps:
        return Update(release=wanted.release)
    # This process ends before the device unpacks anything: with its number the lock would look like a dead one's.
    owner = f"{lock_owner().rpartition(':')[0]}:fleet"
    context = StepContext(Installation.at(facts.root, device.mode), wanted.environment, owner)
    commands = [step.command(context) for step in plan.steps]
    send = next((step for step in plan.steps if isinstance(step, Send)), None)
    package = _package(payload, send, missing, folder, progress)
    size_mb = package.stat().st_size / 1e6
    if send and (needed_mb := send.size_bytes / 1e6 + size_mb + SPARE_MB) > facts.free_mb:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected {needed_mb:.0f} MB of free space, the package of {size_mb:.0f} MB "
            f"included, found {facts.free_mb}; free some, or deploy to it alone"
        )
    agent = [(one.name, one.arguments) for one in commands if isinstance(one, AgentCommand)]
    agent += [("program", context.held | {"argv": one.argv}) for one in commands if isinstance(one, ProgramCommand)]
    activate = next(one for one in commands if isinstance(one, DetachedCommand))
    breaks = may_break(facts.lock, asked=device.break_lock)
    unpack = context.held | {"mode": str(device.mode), "break_lock": breaks, "commands": agent}
    return Update(
        release=wanted.release,
        plan=list(format_plan(plan, wanted, facts)),
        summary=f"send {size_mb:.1f} MB, activate {wanted.release[:12]}",
        package=str(package),
        unpack=["unpack", json.dumps(unpack)],
        activate=activate.argv,
        status=activate.outcome,
    )


def _package(payload: Payload, send: Send | None, missing: dict[str, int], folder: Path, progress: Progress) -> Path:
    """A zip that Python runs: the agent, and what the device lacks. Devices that lack the same share it."""
    objects = missing if send else {}
    header = payload.header(objects, environment=send.environment, repair=send.repair) if send else b""
    path = folder / f"{hashlib.sha256(AGENT.read_bytes() + header).hexdigest()[:32]}.pyz"
    if path.exists():
        path.touch()  # used: stays in the cache
        return path
    if send and send.environment:
        progress.say(f"packing {len(objects)} files")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        replacing_file(path) as beside,
        zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL, strict_timestamps=False) as file,
    ):
        file.write(AGENT, "__main__.py")
        file.writestr("header.json", header)
        for sha in objects:
            file.write(payload.sources[sha], f"objects/{sha}")
    return path
