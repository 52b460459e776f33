"""The switch to another release, on the device, by itself: verified, tried, switched, watched, and undone if it fails.

Until the switch nothing that runs has changed; it is one rename. What follows it, a power cut included, ends with a
release that serves: the new one when it proved healthy, else the one before.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import sync_tree
from edge_asl_device.releases.compiled import NO_COMPILING, compiling_variables, forget_half_compiled, keep_compiled
from edge_asl_device.releases.health import Health, ask, wait_until_healthy
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.prune import prune
from edge_asl_device.releases.record import Outcome, Record, begun, only_one, read_record, write_record
from edge_asl_device.releases.release import Staged, read_release, verify
from edge_asl_device.releases.selftest import LIMIT_S, self_test
from edge_asl_device.releases.service_manager import ServiceManager
from edge_asl_device.releases.settings import (
    coming,
    confirm,
    forget_next,
    page_of,
    parse_options,
    read_settings,
    take_back,
    take_next,
)
from edge_asl_device.releases.trust import check_version, raise_minimum, verify_signature

LOG_LINES = 20
FALLBACK_LIMIT_S = 60.0
PROOFS = ("begin", "verify", "signature", "version", "self-test", "sync")
"""Steps in which nothing has changed yet."""
SWITCH, RELOAD, BACK = "switch", "reload", "roll back"
T = TypeVar("T")
Say = Callable[[str, str], None]
"""Told (step, what became of it)."""


class Options(Struct, frozen=True, kw_only=True):
    """What whoever activates may choose."""

    allow_downgrade: bool = False
    restart: bool = False
    """Even where the running program could take the bundle without a gap. Only a restart takes new settings."""
    health_limit_s: float = 60.0
    keep: int | None = None
    """How many releases stay on the device; None: all. Only who deploys knows that nobody else is sending."""


class Activation:
    """One activation, its steps in order; a new one for every switch."""

    def __init__(self, installation: Installation, supervisor: ServiceManager, options: Options, say: Say) -> None:
        self._installation, self._supervisor, self._options, self._say = installation, supervisor, options, say

    def activate(self, digest: str) -> Record:
        """Switch to a staged release.

        Returns:
            What became of it; anything but ``ACTIVATED`` leaves the release before in service, where there was one.

        Raises:
            ReleaseError: another activation is at work.
        """
        begun_s = time.time()
        with only_one(self._installation):
            self._recover()
            if not self._options.restart:  # they are of a deployment that was cut off before its own activation
                forget_next(self._installation.settings)
            previous = self._installation.linked(self._installation.previous)
            self._record = begun(digest, self._fallback(digest), previous)
            try:
                staged = self._prove(digest)
            except (EdgeAslError, OSError) as error:
                forget_next(self._installation.settings)
                return self._refuse(str(error))
            record = self._switch(staged)
            if record.outcome is Outcome.ACTIVATED and self._options.keep is not None:
                self._say("prune", prune(self._installation, self._options.keep, begun_s))
            return record

    def recover(self) -> Record | None:
        """End what a power cut or a kill interrupted: at boot, or before the next activation.

        Raises:
            ReleaseError: another activation is at work.
        """
        with only_one(self._installation):
            return self._recover()

    def _recover(self) -> Record | None:
        record = read_record(self._installation)
        if record is None or record.outcome is not Outcome.RUNNING:
            return record
        self._record = record
        if record.step == BACK:
            return self._fall_back(record.message)
        if record.step in PROOFS or self._installation.linked(self._installation.current) != record.release:
            return self._refuse(f"interrupted in step {record.step}; nothing was switched")
        self._say("recover", f"{record.release[:12]} was interrupted in step {record.step}")
        try:
            staged = verify(self._installation, record.release)
            if record.step in (SWITCH, RELOAD) or not self._supervisor.running():
                self._restart(staged)
        except (EdgeAslError, OSError) as error:
            return self._fall_back(str(error))
        return self._watch(staged)

    def _fallback(self, digest: str) -> str | None:
        """What serves again if this one fails: what runs now, or, for what runs now itself and fails, the one before.

        Where only its settings change, that is itself with the old ones.
        """
        current = self._installation.linked(self._installation.current)
        if current is None or current != digest:
            return current
        health = self._look()
        new_settings = coming(self._installation.settings) != self._installation.settings
        return (
            current
            if new_settings and health and health.ready
            else self._installation.linked(self._installation.previous)
        )

    # before the switch

    def _refuse(self, reason: str) -> Record:
        take_back(self._installation.settings)
        if self._installation.linked(self._installation.previous) != self._record.previous:
            self._installation.point(self._installation.previous, self._record.previous)
        return self._end(Outcome.REFUSED, reason)

    def _prove(self, digest: str) -> Staged:
        staged = self._step("verify", lambda: verify(self._installation, digest), _counted)
        manifest = staged.bundle.manifest
        # What serves now was let in before, on purpose perhaps: started anew it is no step back.
        serves = digest == self._installation.linked(self._installation.current)
        self._step("signature", lambda: verify_signature(staged.bundle.folder, self._installation.signers), _signed)
        self._step(
            "version",
            lambda: check_version(
                self._installation.minimums,
                manifest.name,
                manifest.version,
                allow_downgrade=self._options.allow_downgrade or serves,
            ),
            lambda _none: f"{manifest.name} {manifest.version}",
        )
        self._step("self-test", lambda: self._try(staged), str)
        self._step("sync", lambda: self._sync(staged), lambda _none: "on the disk")
        return staged

    def _try(self, staged: Staged) -> str:
        parsed = parse_options(read_settings(coming(self._installation.settings)).options)
        forget_half_compiled(staged.environment_folder)
        variables = compiling_variables(staged.environment_folder)
        # Once compiled, the program imports and loads the same when it starts, and has no longer for it.
        limit_s = min(LIMIT_S, self._options.health_limit_s) if NO_COMPILING in variables else LIMIT_S
        return self_test(staged.python, staged.bundle.folder, parsed.runtime, parsed.threads, variables, limit_s)

    def _sync(self, staged: Staged) -> None:
        keep_compiled(staged.environment_folder)
        sync_tree(staged.folder)

    # the switch and after it

    def _switch(self, staged: Staged) -> Record:
        before = self._look()
        self._record = replace(self._record, frames_expected=before is not None and before.frames > 0)
        self._note(SWITCH, "")
        current = self._installation.linked(self._installation.current)
        same_environment = current is not None and self._environment_of(current) == staged.release.environment
        try:
            take_next(self._installation.settings)
            if current != staged.digest:
                self._installation.point(self._installation.previous, current)
                self._installation.point(self._installation.current, staged.digest)
        except OSError as error:
            return self._fall_back(f"{error.filename}: {error.strerror}")
        self._say("switch", f"current is {staged.digest[:12]}")
        try:
            gapless = same_environment and before is not None and before.ready and not self._options.restart
            if gapless and self._supervisor.running():
                self._note(RELOAD, "")
                self._supervisor.reload()
                self._say("reload", "the running program looks at its bundle anew")
            else:
                self._restart(staged)
        except (EdgeAslError, OSError) as error:
            return self._fall_back(str(error))
        return self._watch(staged)

    def _restart(self, staged: Staged) -> None:
        self._note("restart", "")
        self._start(staged)

    def _start(self, staged: Staged) -> None:
        self._supervisor.install(staged.units)
        self._supervisor.restart()
        self._say("restart", "the program starts")

    def _watch(self, staged: Staged) -> Record:
        self._note("health", "")
        started = time.monotonic()
        try:
            health = wait_until_healthy(
                self._look,
                staged.bundle.digest,
                frames_expected=self._record.frames_expected,
                limit_s=self._options.health_limit_s,
            )
        except EdgeAslError as error:
            return self._fall_back(str(error))
        camera = "" if health.frames else f", without frames: camera {health.camera}"
        self._say("health", f"ready after {time.monotonic() - started:.1f} s{camera}")
        manifest = staged.bundle.manifest
        raise_minimum(self._installation.minimums, manifest.name, manifest.version)
        confirm(self._installation.settings)
        return self._end(Outcome.ACTIVATED, f"{manifest.name} {manifest.version} serves{camera}")

    def _fall_back(self, reason: str) -> Record:
        self._record = replace(self._record, log=self._supervisor.log(LOG_LINES))
        self._note(BACK, reason)
        self._say(BACK, reason)
        old_settings = take_back(self._installation.settings)
        fallback, previous = self._record.fallback, self._record.previous
        self._installation.point(self._installation.previous, previous if previous != fallback else None)
        if fallback is None:
            self._supervisor.stop()
            self._installation.point(self._installation.current, None)
            return self._end(Outcome.FAILED, f"{reason}; nothing served before, nothing serves now")
        try:
            digest = read_release(self._installation, fallback).bundle
            self._installation.point(self._installation.current, fallback)
            self._serve_again(fallback, digest, must_restart=old_settings)
            # What served before gets its time, however short the new one's was.
            limit_s = max(FALLBACK_LIMIT_S, self._options.health_limit_s)
            wait_until_healthy(self._look, digest, frames_expected=False, limit_s=limit_s)
        except (EdgeAslError, OSError) as error:
            return self._end(Outcome.FAILED, f"{reason}; and the one before: {error}")
        return self._end(Outcome.ROLLED_BACK, f"{reason}; {fallback[:12]} serves again")

    def _serve_again(self, fallback: str, digest: str, *, must_restart: bool) -> None:
        """Restart, unless the program never took the new bundle: then it reads on without a gap."""
        health = self._look()
        same_environment = self._environment_of(fallback) == self._environment_of(self._record.release)
        if same_environment and not must_restart and health is not None and health.ready and health.bundle == digest:
            self._supervisor.reload()
        else:
            self._start(verify(self._installation, fallback))

    def _environment_of(self, digest: str) -> str | None:
        try:
            return read_release(self._installation, digest).environment
        except EdgeAslError:
            return None

    def _look(self) -> Health | None:
        try:
            return ask(page_of(read_settings(self._installation.settings)))
        except EdgeAslError:
            return None

    # the record

    def _step(self, name: str, do: Callable[[], T], told: Callable[[T], str]) -> T:
        self._note(name, "")
        found = do()
        self._say(name, told(found))
        return found

    def _note(self, step: str, message: str) -> None:
        self._record = replace(self._record, step=step, message=message)
        write_record(self._installation, self._record)
        with contextlib.suppress(OSError):  # a sign of life of whoever deploys
            os.utime(self._installation.lock)

    def _end(self, outcome: Outcome, message: str) -> Record:
        self._record = replace(self._record, outcome=outcome, message=message)
        write_record(self._installation, self._record)
        self._say(str(outcome), message)
        return self._record


def _counted(staged: Staged) -> str:
    count = len(staged.bundle.manifest.files) + len(staged.environment.files)
    return f"{count} files are what {staged.digest[:12]} says"


def _signed(principal: str | None) -> str:
    return f"by {principal}" if principal else "none demanded: this device knows no signer"
