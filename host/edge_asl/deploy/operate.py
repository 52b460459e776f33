"""What is done with a device that runs already. Each function answers (exit status, text to print)."""

from __future__ import annotations

import contextlib
import json as json_module
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_asl.deploy.activation import REFUSAL, redacted, step_of
from edge_asl.deploy.activation import STALL_S as ACTIVATION_STALL_S
from edge_asl.deploy.apply import Application
from edge_asl.deploy.facts import Facts, read_facts
from edge_asl.deploy.payload import build_payload
from edge_asl.deploy.remote import Session
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.target import Target
from edge_asl.errors import DeviceError
from edge_asl.progress import Progress
from edge_asl_device.releases.installation import Installation, Mode, program_of
from edge_asl_device.releases.service_manager import service_manager_of
from edge_asl_device.releases.status import format_status

Result = tuple[int, str]


def status(target: Target, *, json: bool) -> Result:
    """``edge-asl status``.

    Raises:
        DeviceError: nothing is installed there, or it cannot be reached.
    """
    with target.remote() as remote:
        facts = read_facts(_session(remote, target), target)
    found = _installed(facts, target)
    text = json_module.dumps(found) if json else format_status(found)
    return (0 if found.get("ok") else 1), text


def rollback(target: Target, *, json: bool) -> Result:
    """``edge-asl rollback``."""
    status, text = _device(target, ["rollback", *(["--json"] * json)], stall_s=2 * ACTIVATION_STALL_S)
    if json:
        text = json_module.dumps(
            {"ok": status == 0, "log": [step_of(line) or ("", line) for line in text.splitlines()]}
        )
    return status, text


def trust(target: Target, key: str) -> Result:
    """``edge-asl keys trust``."""
    return _device(target, ["trust", key])


def doctor(target: Target, *, json: bool) -> Result:
    """``edge-asl doctor``: what the machine is and lacks, and what its own doctor says."""
    with target.remote() as remote:
        session = _session(remote, target)
        facts = read_facts(session, target)
        report: dict[str, Any] | None = None
        if facts.current("digest"):
            there = Installation.at(facts.root, target.mode)
            command = [str(there.program), "doctor", str(there.current / "bundle"), "--json"]
            answer = session.run(command, stall_s=200.0)
            with contextlib.suppress(ValueError):
                report = json_module.loads(answer.out)
    ok = bool(report and report.get("ok"))
    if json:
        return (0 if ok else 1), json_module.dumps({"facts": msgspec.to_builtins(facts), "doctor": report})
    return (0 if ok else 1), "\n".join(_doctor_lines(facts, report))


def logs(target: Target, lines: int, *, follow: bool) -> Result:
    """``edge-asl logs``: the journal's lines, or the log file's, without what opens a page."""
    with target.remote() as remote:
        session = _session(remote, target)
        facts = read_facts(session, target)
        if facts.activation is None:  # what failed has left lines, too
            _installed(facts, target)
        supervisor = service_manager_of(Installation.at(facts.root, target.mode))
        command = session.remote.command(session.argv(supervisor.log_command(lines, follow=follow)))
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as it:
            assert it.stdout is not None  # noqa: S101 - for the type checker
            try:
                for line in it.stdout:
                    sys.stdout.write(redacted(line))
                    sys.stdout.flush()
            except KeyboardInterrupt:
                it.terminate()
                return 0, ""
        return (1 if it.returncode else 0), ""


def bench_here(bundle: Path, runs: int, runtime: str, *, json: bool) -> Result:
    """``edge-asl bench``: the device program's own, in a process of its own: TensorFlow's libraries stay out."""
    command = [sys.executable, "-m", "edge_asl_device", *_bench(str(bundle), runs, runtime, json=json)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise DeviceError(run.stderr.strip().removeprefix(REFUSAL))
    return 0, run.stdout.rstrip()


def bench_there(bundle: Path, target: Target, runs: int, runtime: str, progress: Progress, *, json: bool) -> Result:
    """``edge-asl bench --on``: staged beside what serves, measured, not switched to.

    Raises:
        EdgeAslError: it cannot be staged or does not run there.
    """
    with target.remote() as remote:
        session = _session(remote, target)
        facts = read_facts(session, target)
        payload = build_payload(bundle, facts.platform_of(), runtime, None, progress)
        application = Application(session, target, facts, payload, progress)
        application.stage(Choices(mode=target.mode))
        there = Installation.at(facts.root, target.mode)
        program = program_of(there.environments / payload.wanted.environment)
        folder = there.releases / payload.wanted.release / "bundle"
        answer = session.run([str(program), *_bench(str(folder), runs, runtime, json=json)], stall_s=600.0)
    if answer.status:
        raise DeviceError(f"{target.name}: {answer.err.strip().removeprefix('edge-asl-device: ')}")
    return 0, answer.out.rstrip()


def _bench(folder: str, runs: int, runtime: str, *, json: bool) -> list[str]:
    return ["bench", folder, "--runs", str(runs), "--runtime", runtime, *(["--json"] * json)]


def _device(target: Target, arguments: list[str], stall_s: float = 100.0) -> Result:
    """A command of the program that is installed there."""
    with target.remote() as remote:
        session = _session(remote, target)
        facts = read_facts(session, target)
        _installed(facts, target)
        there = Installation.at(facts.root, target.mode)
        answer = session.run([str(there.program), *arguments, *there.arguments], stall_s=stall_s)
    if answer.status and not answer.out:
        raise DeviceError(f"{target.name}: {answer.err.strip().removeprefix('edge-asl-device: ')}")
    return answer.status, redacted(answer.out.rstrip())


def _session(remote: Any, target: Target) -> Session:
    return Session(remote, elevate=target.mode is Mode.SYSTEM)


def _installed(facts: Facts, target: Target) -> dict[str, Any]:
    if facts.status is None and facts.activation:
        last = facts.activation
        raise DeviceError(
            f"{target.name}: {facts.root}: expected a release, found none: the last activation {last.get('outcome')}: "
            f"{redacted(str(last.get('message')))}; edge-asl logs {target.name}, then deploy again"
        )
    if facts.status is None:
        raise DeviceError(
            f"{target.name}: {facts.root}: expected a release, found none; edge-asl deploy BUNDLE {target.name}"
        )
    if "problem" in facts.status:
        raise DeviceError(f"{target.name}: {facts.status['problem']}; edge-asl doctor {target.name}")
    return facts.status


def _doctor_lines(facts: Facts, report: dict[str, Any] | None) -> list[str]:
    from edge_asl_device.cli.doctor import format_report

    debian = ", ".join(f"{name} {version or 'missing'}" for name, version in facts.debian.items())
    pairs = {
        "device": f"{facts.host}, {facts.system}, {facts.machine}, {facts.bits} bits",
        "memory": f"{facts.memory_mb} MB, {'limits hold' if facts.memory_limits else 'no limits: it is not counted'}",
        "space": f"{facts.free_mb} MB free for {facts.root}",
        "clock": "right" if abs(facts.clock_off_s) < 60 else f"{facts.clock_off_s:+.0f} s off",
        "systemd": facts.systemd or "none",
        "user": f"{facts.user}{' with root' if facts.uid == 0 else ''}",
        "packages of Debian": debian,
        "V4L2 devices": ", ".join(facts.cameras) or "none",
        "Edge TPU": f"{', '.join(facts.edgetpu) or 'none'}, libedgetpu {'found' if facts.libedgetpu else 'missing'}",
    }
    lines = [f"{name:<24}{value}" for name, value in pairs.items()]
    return [*lines, format_report(report) if report else "no release is installed: edge-asl deploy"]
