"""``activate``, ``rollback``, ``recover``, ``trust`` and ``status`` on the command line.

An activation runs in a process and session of its own, which a lost connection does not end; the command follows its
output.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from edge_asl_device.errors import ReleaseError, TrustError
from edge_asl_device.releases.activation import Activation
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.proof import ActivationOptions
from edge_asl_device.releases.record import Announce, Outcome, Record, at_work, in_progress
from edge_asl_device.releases.service_manager import service_manager_of
from edge_asl_device.releases.status import format_status, status
from edge_asl_device.releases.trust import add_signer, read_signers

PAUSE_S = 0.05
ANNOUNCE_S = 30.0
LIMIT_S = 900.0
"""For a whole activation (hashes, self-test, two health checks) on the slowest Pi."""
ADVICE = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space, then try again") | dict.fromkeys(
    (errno.EACCES, errno.EPERM), "run it as root"
)


def show_status(options: argparse.Namespace) -> int:
    """``edge-asl-device status``."""
    found = status(_installation(options))
    print(json.dumps(found) if options.json else format_status(found), flush=True)
    return 0 if found["ok"] else 1


def trust(options: argparse.Namespace) -> int:
    """``edge-asl-device trust``: whose signatures are accepted."""
    installation = _installation(options)
    if options.key is not None:
        if options.first and (known := read_signers(installation.signers)):
            names = " and ".join(signer.principal for signer in known)
            raise TrustError(
                f"{installation.signers}: the device already trusts {names}; to trust another key: edge-asl keys trust"
            )
        with _disk_errors_as_one_line(installation):
            add_signer(installation.signers, options.key)
    for signer in read_signers(installation.signers):
        print(signer.line, flush=True)
    return 0


def activate(options: argparse.Namespace) -> int:
    """``edge-asl-device activate``."""
    installation = _installation(options)
    digest = installation.find(options.release)
    if options.worker:
        return _work(options, installation, lambda activation: activation.activate(digest))
    return _follow(options, installation, ["activate", digest])


def rollback(options: argparse.Namespace) -> int:
    """``edge-asl-device rollback``: activate the release before, although its version is lower."""
    installation = _installation(options)
    previous = installation.linked(installation.previous)
    if previous is None:
        raise ReleaseError(f"{installation.previous}: there is no earlier release to go back to")
    options.allow_downgrade = True
    return _follow(options, installation, ["activate", previous])


def recover(options: argparse.Namespace) -> int:
    """``edge-asl-device recover``."""
    return _work(options, _installation(options), lambda activation: activation.recover())


def _work(options: argparse.Namespace, installation: Installation, do: Callable[[Activation], Record | None]) -> int:
    chosen = ActivationOptions(
        allow_downgrade=options.allow_downgrade,
        restart=options.restart,
        configured=options.configured,
        health_limit_s=options.health_limit,
        keep=options.keep,
    )
    # What happened is in the record, as far as that could be written; the next activation recovers from there.
    with _disk_errors_as_one_line(installation):
        if not installation.root.is_dir():
            raise ReleaseError(f"{installation.root}: nothing is installed here")
        record = do(Activation(installation, service_manager_of(installation), chosen, _announcer(options)))
    return 0 if record is None or record.outcome is Outcome.ACTIVATED else 1


@contextlib.contextmanager
def _disk_errors_as_one_line(installation: Installation) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "check the disk, then try again")
        raise ReleaseError(f"{error.filename or installation.root}: {error.strerror}; {advice}") from error


def _announcer(options: argparse.Namespace) -> Announce:
    def announce(step: str, text: str) -> None:
        print(json.dumps({"step": step, "text": text}) if options.json else f"{step:<12}{text}", flush=True)

    return announce


def _follow(options: argparse.Namespace, installation: Installation, command: list[str]) -> int:
    """Start the worker and show its output until it ends; the exit status is its outcome's."""
    _wait_for_another(options, installation)
    arguments = [*command, *installation.arguments, "--worker"]
    arguments += ["--health-limit", str(options.health_limit)]
    arguments += [] if options.keep is None else ["--keep", str(options.keep)]
    for name in ("json", "allow_downgrade", "restart", "configured"):
        arguments += [f"--{name.replace('_', '-')}"] * getattr(options, name)
    path = installation.root / "activation.log"
    with _disk_errors_as_one_line(installation), path.open("wb") as log:
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
    """An activation whose workstation is gone carries on by itself and ends within its own limits."""
    deadline, announce_at = time.monotonic() + LIMIT_S, 0.0
    while at_work(installation):
        other = in_progress(installation)
        if time.monotonic() > deadline:
            raise ReleaseError(f"{other} for more than {LIMIT_S:g} s; see edge-asl-device status")
        if time.monotonic() >= announce_at:
            _announcer(options)("wait", other)
            announce_at = time.monotonic() + ANNOUNCE_S
        time.sleep(PAUSE_S)


def _shown(worker: subprocess.Popen[bytes], path: Path) -> int:
    deadline = time.monotonic() + LIMIT_S
    with path.open(encoding="utf-8", errors="replace") as log:
        while worker.poll() is None:
            _print_new(log)
            if time.monotonic() > deadline:
                raise ReleaseError(f"activation did not finish within {LIMIT_S:g} s; see {path}")
            time.sleep(PAUSE_S)
        _print_new(log)
    return worker.returncode if worker.returncode in (0, 1) else 1


def _print_new(log: TextIO) -> None:
    if text := log.read():
        print(text, end="", flush=True)


def _installation(options: argparse.Namespace) -> Installation:
    return Installation.here(options.root, options.mode)
