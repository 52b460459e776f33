"""A release as one file that any tool can bring to a device, and what that device has to do with it.

For many devices: they are asked together, devices of one kind share a pack, and one that has everything gets none.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_asl.deploy.agent_command import AGENT, agent_argv
from edge_asl.deploy.deployment import format_plan
from edge_asl.deploy.environment.layout import cache_folder
from edge_asl.deploy.environment.platforms import AUTO, Platform
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.fleet.packfile import forget_old, pack_file, packs_folder
from edge_asl.deploy.keys import sign_for_devices
from edge_asl.deploy.lock import lock_owner, may_break
from edge_asl.deploy.payload import Payload, build_payload
from edge_asl.deploy.plan import SPARE_MB, AnyStep, make_plan
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.steps.activate import Activate
from edge_asl.deploy.steps.send import Send
from edge_asl.deploy.steps.step import AgentCommand, ProgramCommand, StepContext
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import write_atomically
from edge_asl_device.releases.environment import ENVIRONMENT, digest_of, parse_environment
from edge_asl_device.releases.installation import Installation

SMALL_BYTES = 1_000_000
"""Up to this a pack is given to the command that unpacks it. Ansible's copy takes seven commands on the device."""


class Asked(Choices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device and what was chosen for it; the playbook sends these."""

    facts: Facts
    runtime: str = AUTO
    break_lock: bool = False


class Command(Struct, frozen=True):
    """A command on the device, before the switch."""

    name: str
    """For people."""
    argv: list[str]
    stdin: list[str] = []
    """Files of the workstation whose text it is given."""


class Task(Struct, frozen=True, kw_only=True):
    """What is to be done on one device; the playbook does it."""

    refused: str | None = None
    """Why nothing can be done."""
    release: str = ""
    name: str = ""
    version: str = ""
    root: str = ""
    plan: list[str] = []
    """For people; empty where nothing is to be done."""
    pack: str | None = None
    """A file to bring to ROOT/incoming; a small one goes along with the first of ``prepare`` instead."""
    sent_bytes: int = 0
    prepare: list[Command] = []
    activate: list[str] = []
    status: list[str] = []


class Order(NamedTuple):
    """What is the same for all devices."""

    bundle: Path
    key: Path | None = None
    """To sign an unsigned bundle with; None: the default key, where there is one."""
    wheelhouse: Path | None = None
    out: Path | None = None
    """Folder of the packs; None: the user's cache."""


def tasks_for(order: Order, asked: Mapping[str, Asked], progress: Progress) -> dict[str, Task]:
    """What every device has to do; the packs lie there when this returns.

    Raises:
        EdgeAslError: the bundle is damaged, or signing it failed. What concerns one device is told in its task.
    """
    signer = sign_for_devices(order.bundle, order.key, progress.say, again=False)
    out = (order.out or packs_folder()).absolute()
    out.mkdir(parents=True, exist_ok=True)
    forget_old(out)
    packed: dict[tuple[Platform, str], Payload] = {}

    def release_for(platform: Platform, runtime: str) -> Payload:
        kind = platform, runtime
        if kind not in packed:
            packed[kind] = build_payload(order.bundle, platform, runtime, order.wheelhouse, progress)
        return packed[kind]

    return {device: _task(one, release_for, signer, out, progress) for device, one in asked.items()}


def pack_for(order: Order, facts: Path, record: Path | None, progress: Progress) -> dict[str, Task]:
    """``tasks_for`` whom the file names.

    Args:
        order: what is the same for all.
        facts: JSON; ``-`` is standard input.
        record: a file to which the answer is added as one line.
        progress: told about what takes seconds.

    Raises:
        EdgeAslError: as ``tasks_for`` and ``read_asked``.
        OSError: a file cannot be read or written.
    """
    import sys

    standard = str(facts) == "-"
    data = sys.stdin.buffer.read() if standard else facts.read_bytes()
    tasks = tasks_for(order, read_asked(data, "standard input" if standard else str(facts)), progress)
    if record is not None:
        with record.open("ab") as file:
            file.write(msgspec.json.encode(tasks) + b"\n")
    return tasks


def format_task(device: str, task: Task) -> Iterable[str]:
    """A device's task for people."""
    if task.refused:
        yield f"{device}: {task.refused}"
    elif not task.plan:
        yield f"{device}: nothing to do: it runs there and is healthy"
    yield from (f"{device}: {line}" for line in task.plan)
    if task.pack:
        yield f"{device}: {task.sent_bytes / 1e6:.1f} MB in {task.pack}"


def read_asked(data: bytes, where: str) -> dict[str, Asked]:
    """Devices by name, from JSON. Numbers may be in quotes: inventories write them so.

    Raises:
        DeviceError: it is no such object.
    """
    try:
        found = msgspec.json.decode(data)
        return msgspec.convert(found, dict[str, Asked], strict=False)
    except msgspec.DecodeError as error:
        raise DeviceError(
            f"{where}: expected devices as the playbook of edge-asl pack --playbook asks about them, found: {error}"
        ) from error


# one device


def _task(
    asked: Asked, release_for: Callable[[Platform, str], Payload], signer: str | None, out: Path, progress: Progress
) -> Task:
    facts = replace(asked.facts, clock_off_s=round(asked.facts.clock - time.time(), 1))
    try:
        packed = release_for(facts.platform_of(), asked.runtime)
        missing = _missing(facts, packed)
        plan = make_plan(facts, packed.wanted, missing, replace(asked, signer=signer))
        lines = list(format_plan(plan, packed.wanted, facts)) if plan.steps else []
        task = Task(
            release=packed.wanted.release,
            name=packed.wanted.name,
            version=packed.wanted.version,
            root=facts.root,
            plan=lines,
        )
        for step in plan.steps:
            task = _with(task, step, asked, facts, packed, missing, out, progress)
    except EdgeAslError as error:
        return Task(refused=str(error))
    return task


def _with(
    task: Task,
    step: AnyStep,
    asked: Asked,
    facts: Facts,
    packed: Payload,
    missing: dict[str, int],
    out: Path,
    progress: Progress,
) -> Task:
    context = StepContext(Installation.at(facts.root, asked.mode), packed.wanted.environment)
    match step:
        case Send():
            path = pack_file(packed, step, missing, out, progress)
            _refuse_full(facts, step, path)
            return _sent(task, path, asked)
        case Activate():
            command = step.command(context)
            return replace(task, activate=command.argv, status=command.outcome)
    match step.command(context):
        case AgentCommand(name, arguments):
            return _then(task, asked, step.says, name, arguments)
        case ProgramCommand(argv):
            return replace(task, prepare=[*task.prepare, Command(step.says, argv)])
    return task


def _sent(task: Task, path: Path, asked: Asked) -> Task:
    """The pack as a file to be copied, or, where it is small, as text behind the agent's."""
    size, breaks = path.stat().st_size, may_break(asked.facts.lock, asked=asked.break_lock)
    paths = Installation.at(asked.facts.root, asked.mode).paths()
    arguments: dict[str, Any] = {"paths": paths, "mode": str(asked.mode), "owner": _owner(), "break_lock": breaks}
    if size > SMALL_BYTES:
        task = _then(task, asked, "lay it out beside what serves", "unpack", arguments | {"name": path.name})
        return replace(task, pack=str(path), sent_bytes=size)
    text = path.with_suffix(".b64")
    if not text.exists():
        write_atomically(text, base64.b64encode(path.read_bytes()))
    task = _then(task, asked, "send and lay out beside what serves", "unpack", arguments, text)
    return replace(task, sent_bytes=size)


def _then(task: Task, asked: Asked, name: str, command: str, arguments: dict[str, Any], *more: Path) -> Task:
    """With one more command of the agent's, which runs from memory as ``remote.Session.agent`` does it."""
    argv = agent_argv(command, arguments, asked.facts.interpreter)
    return replace(task, prepare=[*task.prepare, Command(name, argv, [str(path) for path in (AGENT, *more)])])


def _owner() -> str:
    """Of a device's lock: this process ends before the device takes the pack in, so its number says nothing."""
    return f"{lock_owner().rpartition(':')[0]}:fleet"


def _missing(facts: Facts, packed: Payload) -> dict[str, int]:
    """SHA-256 → 0 of what the device lacks, as far as its releases tell: a program that changed is 1 MB, not 200."""
    wanted = packed.wanted
    there: set[str] = set()
    for digest in {str(release.get("environment")) for release in facts.releases if "problem" not in release}:
        there |= wanted.objects.keys() if digest == wanted.environment else _files_of(digest)
    there -= set(wanted.bundle_objects)
    return {sha: 0 for sha in wanted.objects if sha not in there}


def _files_of(environment: str) -> set[str]:
    """The files of an environment that this workstation made before; none where it is not known here."""
    for path in cache_folder().glob(f"environments/*/{ENVIRONMENT}"):
        data = path.read_bytes()
        if digest_of(data) == environment:
            return {file.sha256 for file in parse_environment(data, str(path)).files.values()}
    return set()


def _refuse_full(facts: Facts, step: Send, path: Path) -> None:
    needed_mb = (step.size_bytes + path.stat().st_size) / 1e6 + SPARE_MB
    if needed_mb > facts.free_mb:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected {needed_mb:.0f} MB of free space, the pack of "
            f"{path.stat().st_size / 1e6:.0f} MB included, found {facts.free_mb}; free some, or deploy to it alone"
        )
