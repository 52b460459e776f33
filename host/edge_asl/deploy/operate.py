"""Operating a device that has been deployed to. Each function answers (exit status, text to print)."""

from __future__ import annotations

import contextlib
import json as json_module
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from edge_asl.deploy.activation import STALL_S as ACTIVATION_STALL_S
from edge_asl.deploy.activation import redacted, step_of
from edge_asl.deploy.apply import Application
from edge_asl.deploy.facts import Facts, read_facts
from edge_asl.deploy.payload import build_payload
from edge_asl.deploy.reasons import refusal_in
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl_device.releases.installation import Installation, program_of
from edge_asl_device.releases.service_manager import service_manager_of
from edge_asl_device.releases.status import format_status

Printout = tuple[int, str]


def status(target: Target, *, json: bool) -> Printout:
    """``edge-asl status``.

    Raises:
        DeviceError: nothing is deployed there, or it cannot be reached.
    """
    with target.session() as session:
        found = _deployed(read_facts(session, target), target)
    text = json_module.dumps(found) if json else format_status(found)
    return (0 if found.get("ok") else 1), text


def rollback(target: Target, *, json: bool) -> Printout:
    """``edge-asl rollback``."""
    status, text = _run(target, ["rollback", *(["--json"] * json)], stall_s=2 * ACTIVATION_STALL_S)
    if json:
        log = [step_of(line) or ("", line) for line in text.splitlines()]
        text = json_module.dumps({"ok": status == 0, "log": log})
    return status, text


def trust(target: Target, key: str) -> Printout:
    """``edge-asl keys trust``."""
    return _run(target, ["trust", key])


def doctor(target: Target, *, json: bool) -> Printout:
    """``edge-asl doctor``: what the machine is and lacks, and what its own doctor says."""
    report: dict[str, Any] | None = None
    with target.session() as session:
        facts = read_facts(session, target)
        if facts.current("digest"):
            there = Installation.at(facts.root, target.mode)
            command = [str(there.program), "doctor", str(there.current / "bundle"), "--json"]
            with contextlib.suppress(ValueError):
                report = json_module.loads(session.program(command, stall_s=200.0).out)
    ok = bool(report and report.get("ok"))
    if json:
        return (0 if ok else 1), json_module.dumps({"facts": msgspec.to_builtins(facts), "doctor": report})
    return (0 if ok else 1), "\n".join(_doctor_lines(facts, report))


def logs(target: Target, lines: int, *, follow: bool) -> Printout:
    """``edge-asl logs``: the journal's lines, or the log file's, without what opens a page."""
    with target.session() as session:
        facts = read_facts(session, target)
        if facts.activation is None:  # what failed has left lines, too
            _deployed(facts, target)
        manager = service_manager_of(Installation.at(facts.root, target.mode))
        command = session.remote.command(session.argv(manager.log_command(lines, follow=follow)))
        return _print_redacted(command), ""


def _print_redacted(command: list[str]) -> int:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            for line in process.stdout:
                sys.stdout.write(redacted(line))
                sys.stdout.flush()
        except KeyboardInterrupt:
            process.terminate()
            return 0
    return 1 if process.returncode else 0


def bench_here(bundle: Path, runs: int, runtime: str, *, json: bool) -> Printout:
    """``edge-asl bench``: the device's program in a process of its own, so that TensorFlow's libraries stay out."""
    command = [sys.executable, "-m", "edge_asl_device", *_bench(str(bundle), runs, runtime, json=json)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise DeviceError(refusal_in(run.stderr))
    return 0, run.stdout.rstrip()


def bench_there(
    bundle: Path, target: Target, runs: int, runtime: str, progress: Progress, *, json: bool, keep: bool = True
) -> Printout:
    """``edge-asl bench --on``: laid out beside the release that runs, measured, not switched to.

    Unless it is to be kept, it is deleted there afterwards.

    Raises:
        Busy: somebody else deploys or measures there.
        EdgeAslError: it cannot be sent or does not run there.
    """
    with target.session() as session:
        facts = read_facts(session, target)
        payload = build_payload(bundle, facts.platform_of(), runtime, None, progress)
        application = Application(session, target, facts, payload, progress)
        there = Installation.at(facts.root, target.mode)
        program = str(program_of(there.environments / payload.wanted.environment))
        folder = str(there.releases / payload.wanted.release / "bundle")
        with application.staged(Choices(mode=target.mode)):
            try:
                result = session.check([program, *_bench(folder, runs, runtime, json=json)], stall_s=600.0)
            finally:
                if not keep:
                    application.discard()
    return 0, result.out.rstrip()


def _bench(folder: str, runs: int, runtime: str, *, json: bool) -> list[str]:
    return ["bench", folder, "--runs", str(runs), "--runtime", runtime, *(["--json"] * json)]


def _run(target: Target, arguments: list[str], stall_s: float = 100.0) -> Printout:
    """A command of the program that runs there."""
    with target.session() as session:
        facts = read_facts(session, target)
        _deployed(facts, target)
        there = Installation.at(facts.root, target.mode)
        command = [str(there.program), *arguments, *there.arguments]
        result = session.program(command, stall_s=stall_s)
    if result.status and not result.out:
        raise DeviceError(f"{target.name}: {result.reason}")
    return result.status, redacted(result.out.rstrip())


def _deployed(facts: Facts, target: Target) -> dict[str, Any]:
    """What ``edge-asl-device status`` says of the release that runs."""
    if facts.status is None and facts.activation:
        last = facts.activation
        raise DeviceError(
            f"{target.name}: {facts.root}: nothing is running; last activation {last.get('outcome')}: "
            f"{redacted(str(last.get('message')))}; edge-asl logs {target.name}, then deploy again"
        )
    if facts.status is None:
        raise DeviceError(
            f"{target.name}: {facts.root}: nothing has been deployed; edge-asl deploy BUNDLE {target.name}"
        )
    if "problem" in facts.status:
        raise DeviceError(f"{target.name}: {facts.status['problem']}; edge-asl doctor {target.name}")
    return facts.status


def _doctor_lines(facts: Facts, report: dict[str, Any] | None) -> Iterator[str]:
    from edge_asl_device.cli.doctor import format_report

    pairs = {
        "device": f"{facts.host}, {facts.system}, {facts.machine}, {facts.bits}-bit",
        "memory": f"{facts.memory_mb} MB, {'can be limited' if facts.memory_limits else 'cannot be limited'}",
        "disk": f"{facts.free_mb} MB free for {facts.root}",
        "clock": "correct" if abs(facts.clock_off_s) < 60 else f"{facts.clock_off_s:+.0f} s off",
        "systemd": facts.systemd or "not running",
        "user": f"{facts.user}{', as root' if facts.uid == 0 else ''}",
        "Debian packages": ", ".join(f"{name} {version or 'missing'}" for name, version in facts.debian.items()),
        "V4L2 devices": ", ".join(facts.cameras) or "none",
        "Edge TPU": f"{', '.join(facts.edgetpu) or 'none'}, libedgetpu {'found' if facts.libedgetpu else 'missing'}",
    }
    yield from (f"{name:<24}{value}" for name, value in pairs.items())
    yield format_report(report) if report else "nothing has been deployed: edge-asl deploy BUNDLE TARGET"
