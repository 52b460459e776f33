"""``activate``, ``rollback``, ``recover`` and ``status`` on the command line.

The work is done by a process of its own, in a session of its own, which a lost connection does not end; what was typed
follows what it says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from edge_asl_device.errors import ReleaseError, TrustError
from edge_asl_device.releases.activation import Activation, Options
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.record import Outcome, Record, at_work, read_record
from edge_asl_device.releases.service_manager import service_manager_of
from edge_asl_device.releases.status import format_status, status
from edge_asl_device.releases.trust import add_signer, read_signers

PAUSE_S = 0.05
SAY_S = 30.0
LIMIT_S = 900.0
"""For a whole activation: hashes, self-test, two health checks, on the slowest Pi."""


def show_status(options: argparse.Namespace) -> int:
    """``edge-asl-device status``."""
    found = status(_installation(options))
    _print(json.dumps(found) if options.json else format_status(found))
    return 0 if found["ok"] else 1


def trust(options: argparse.Namespace) -> int:
    """``edge-asl-device trust``: whose bundles are taken."""
    installation = _installation(options)
    if options.key is not None:
        installation.root.mkdir(parents=True, exist_ok=True)
        if options.first and (known := read_signers(installation.signers)):
            names = " and ".join(signer.principal for signer in known)
            raise TrustError(
                f"{installation.signers}: expected no signer yet, found {names}; edge-asl keys trust adds one more"
            )
        add_signer(installation.signers, options.key)
    for signer in read_signers(installation.signers):
        _print(signer.line)
    return 0


def activate(options: argparse.Namespace) -> int:
    """``edge-asl-device activate``."""
    installation = _installation(options)
    digest = installation.find(options.release)
    if options.worker:
        return _work(options, installation, lambda activation: activation.activate(digest))
    return _follow(options, installation, ["activate", digest])


def rollback(options: argparse.Namespace) -> int:
    """``edge-asl-device rollback``: the release before, its version allowed although it is lower."""
    installation = _installation(options)
    previous = installation.linked(installation.previous)
    if previous is None:
        raise ReleaseError(f"{installation.previous}: expected a release to go back to, found none")
    options.allow_downgrade = True
    return _follow(options, installation, ["activate", previous])


def recover(options: argparse.Namespace) -> int:
    """``edge-asl-device recover``."""
    return _work(options, _installation(options), lambda activation: activation.recover())


def _work(options: argparse.Namespace, installation: Installation, do: Callable[[Activation], Record | None]) -> int:
    chosen = Options(
        allow_downgrade=options.allow_downgrade,
        restart=options.restart,
        health_limit_s=options.health_limit,
        keep=options.keep,
    )
    try:
        record = do(Activation(installation, service_manager_of(installation), chosen, _sayer(options)))
    except OSError as error:
        # What happened is in the record as far as that could be written; recovery goes on from there.
        raise ReleaseError(
            f"{error.filename or installation.root}: {error.strerror}; free some space, then activate"
        ) from error
    return 0 if record is None or record.outcome is Outcome.ACTIVATED else 1


def _sayer(options: argparse.Namespace) -> Callable[[str, str], None]:
    def say(step: str, text: str) -> None:
        _print(json.dumps({"step": step, "text": text}) if options.json else f"{step:<12}{text}")

    return say


def _follow(options: argparse.Namespace, installation: Installation, command: list[str]) -> int:
    """Start the worker and show what it says until it ends; the exit status is its outcome's."""
    _wait_for_another(options, installation)
    arguments = [*command, "--root", str(installation.root), "--mode", str(installation.mode), "--worker"]
    arguments += ["--health-limit", str(options.health_limit)]
    arguments += [] if options.keep is None else ["--keep", str(options.keep)]
    for name in ("json", "allow_downgrade", "restart"):
        arguments += [f"--{name.replace('_', '-')}"] * getattr(options, name)
    path = installation.root / "activation.log"
    with path.open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "edge_asl_device", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    return _shown(worker, path)


def _wait_for_another(options: argparse.Namespace, installation: Installation) -> None:
    """One whose workstation is gone goes on by itself, and ends within its own limits."""
    deadline, say_at = time.monotonic() + LIMIT_S, 0.0
    while at_work(installation):
        record = read_record(installation)
        found = f"{record.release[:12]} in step {record.step}" if record else "another"
        if time.monotonic() > deadline:
            raise ReleaseError(f"activation: expected none at work, found {found}; see edge-asl-device status")
        if time.monotonic() >= say_at:
            _sayer(options)("wait", f"for the activation of {found}")
            say_at = time.monotonic() + SAY_S
        time.sleep(PAUSE_S)


def _shown(worker: subprocess.Popen[bytes], path: Path) -> int:
    deadline = time.monotonic() + LIMIT_S
    with path.open(encoding="utf-8", errors="replace") as said:
        while worker.poll() is None:
            _pass_on(said)
            if time.monotonic() > deadline:
                raise ReleaseError(f"activation: expected an end within {LIMIT_S:g} s, found none; see {path}")
            time.sleep(PAUSE_S)
        _pass_on(said)
    return worker.returncode if worker.returncode in (0, 1) else 1


def _pass_on(said: TextIO) -> None:
    if text := said.read():
        sys.stdout.write(text)
        sys.stdout.flush()


def _installation(options: argparse.Namespace) -> Installation:
    return Installation.here(options.root, options.mode)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
