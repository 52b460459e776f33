"""The switch to another release, done by the device alone: prove, switch, watch, and go back if it is not healthy.

The switch is one rename. Whatever follows it, even a power cut, ends with a release that serves: the new one if it
proved healthy, else the one before.
"""

from __future__ import annotations

import contextlib
import time

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.releases.health import Health, ask, wait_until_healthy
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.proof import STEPS as PROOF_STEPS
from edge_asl_device.releases.proof import ActivationOptions, prove
from edge_asl_device.releases.prune import prune
from edge_asl_device.releases.record import Announce, Journal, Outcome, Record, only_one, read_record
from edge_asl_device.releases.release import Staged, environment_of, read_release, verify
from edge_asl_device.releases.service_manager import ServiceManager
from edge_asl_device.releases.settings import (
    apply_next,
    confirm,
    discard_next,
    next_settings,
    page_of,
    read_settings,
    restore_old,
)
from edge_asl_device.releases.trust import raise_minimum

LOG_LINES = 20
FALLBACK_LIMIT_S = 60.0
SWITCH, RELOAD, BACK = "switch", "reload", "roll back"
STARTED = (RELOAD, "restart", "health")
"""The steps in which a new release is current."""


class Activation:
    """One activation; a new one for every switch."""

    def __init__(
        self, installation: Installation, manager: ServiceManager, options: ActivationOptions, announce: Announce
    ) -> None:
        self._installation, self._manager, self._options = installation, manager, options
        self._announce = announce

    def activate(self, digest: str) -> Record:
        """Switch to a staged release.

        Returns:
            How it ended; anything but ``ACTIVATED`` leaves the release before in service, if there was one.

        Raises:
            ReleaseError: another activation is in progress.
        """
        begun_s = time.time()
        with only_one(self._installation):
            self._recover()
            if not self._options.configured:
                discard_next(self._installation.settings)
            previous = self._installation.linked(self._installation.previous)
            fallback = self._fallback_for(digest)
            self._open_journal(Record(digest, fallback, Outcome.RUNNING, "begin", "", begun_s, previous))
            try:
                staged = prove(self._installation, digest, self._options, self._journal)
            except (EdgeAslError, OSError) as error:
                discard_next(self._installation.settings)
                return self._refuse(str(error))
            record = self._switch(staged)
            if record.outcome is Outcome.ACTIVATED and self._options.keep is not None:
                self._announce("prune", prune(self._installation, self._options.keep, begun_s))
            return record

    def recover(self) -> Record | None:
        """Finish what a power cut or a kill interrupted: at boot, or before the next activation.

        Raises:
            ReleaseError: another activation is in progress.
        """
        with only_one(self._installation):
            return self._recover()

    def _recover(self) -> Record | None:
        record = read_record(self._installation)
        if record is None or record.outcome is not Outcome.RUNNING:
            return record
        self._open_journal(record)
        if record.step == BACK:
            return self._fall_back(record.message)
        current = self._installation.linked(self._installation.current)
        if record.step in STARTED and current == record.fallback != record.release:
            return self._fall_back(f"it did not get beyond step {record.step}")  # for which there was no space then
        if record.step in PROOF_STEPS or current != record.release:
            return self._refuse(f"interrupted in step {record.step}; nothing was switched")
        self._announce("recover", f"{record.release[:12]} was interrupted in step {record.step}")
        try:
            staged = verify(self._installation, record.release)
            if record.step in (SWITCH, RELOAD) or not self._manager.running():
                self._journal.enter("restart")
                self._start(staged)
        except (EdgeAslError, OSError) as error:
            return self._fall_back(str(error))
        return self._watch(staged)

    def _open_journal(self, record: Record) -> None:
        self._journal = Journal(self._installation, record, self._announce)

    def _fallback_for(self, digest: str) -> str | None:
        """The release to go back to: the current one; for the current one itself, the one before.

        Where a healthy release only gets new settings, it is itself with the old ones.
        """
        current = self._installation.linked(self._installation.current)
        if current is None or current != digest:
            return current
        health = self._ask()
        new_settings = next_settings(self._installation.settings) != self._installation.settings
        if new_settings and health and health.ready:
            return current
        return self._installation.linked(self._installation.previous)

    def _refuse(self, reason: str) -> Record:
        restored = restore_old(self._installation.settings)
        previous = self._journal.record.previous
        if self._installation.linked(self._installation.previous) != previous:
            self._installation.point(self._installation.previous, previous)
        record = self._journal.finish(Outcome.REFUSED, reason)
        if restored and self._manager.running():  # since a power cut, with the new ones
            self._manager.restart()
        return record

    # the switch and what follows it

    def _switch(self, staged: Staged) -> Record:
        before = self._ask()
        self._journal.enter(SWITCH, frames_expected=before is not None and before.frames > 0)
        current = self._installation.linked(self._installation.current)
        same_environment = (
            current is not None and environment_of(self._installation, current) == staged.release.environment
        )
        try:
            apply_next(self._installation.settings)
            if current != staged.digest:
                self._installation.point(self._installation.previous, current)
                self._installation.point(self._installation.current, staged.digest)
        except OSError as error:
            return self._fall_back(f"{error.filename}: {error.strerror}")
        self._announce("switch", f"{staged.digest[:12]} is current")
        gapless = same_environment and before is not None and before.ready and not self._options.restart
        try:
            if gapless and self._manager.running():
                self._journal.enter(RELOAD)
                self._manager.reload()
                self._announce("reload", "the running program loads the new bundle")
            else:
                self._journal.enter("restart")
                self._start(staged)
        except (EdgeAslError, OSError) as error:
            return self._fall_back(str(error))
        return self._watch(staged)

    def _start(self, staged: Staged) -> None:
        self._manager.install(staged.units)
        self._manager.restart()
        self._announce("restart", "starting the program")

    def _watch(self, staged: Staged) -> Record:
        started = time.monotonic()
        try:
            self._journal.enter("health")
            health = wait_until_healthy(
                self._ask,
                staged.bundle.digest,
                frames_expected=self._journal.record.frames_expected,
                limit_s=self._options.health_limit_s,
            )
        except (EdgeAslError, OSError) as error:
            return self._fall_back(str(error))
        camera = "" if health.frames else f", without frames: camera {health.camera}"
        self._announce("health", f"ready after {time.monotonic() - started:.1f} s{camera}")
        manifest = staged.bundle.manifest
        raise_minimum(self._installation.minimums, manifest.name, manifest.version)
        confirm(self._installation.settings)
        return self._journal.finish(Outcome.ACTIVATED, f"{manifest.name} {manifest.version} is running{camera}")

    # back

    def _fall_back(self, reason: str) -> Record:
        with contextlib.suppress(OSError):  # a full card is no reason to stay with what does not work
            self._journal.enter(BACK, reason, log=self._manager.log(LOG_LINES))
        self._announce(BACK, reason)
        old_settings = restore_old(self._installation.settings)
        fallback, previous = self._journal.record.fallback, self._journal.record.previous
        if fallback is None:
            self._point_previous(previous)
            self._manager.stop()
            self._installation.point(self._installation.current, None)
            return self._back(Outcome.FAILED, f"{reason}; there is no earlier release, nothing is running")
        try:
            bundle = read_release(self._installation, fallback).bundle
            self._point_back(fallback, previous)
            self._serve_again(fallback, bundle, must_restart=old_settings)
            # It gets its own time, however short the new release's limit was.
            limit_s = max(FALLBACK_LIMIT_S, self._options.health_limit_s)
            wait_until_healthy(self._ask, bundle, frames_expected=False, limit_s=limit_s)
        except (EdgeAslError, OSError) as error:
            return self._back(Outcome.FAILED, f"{reason}; the release before it failed, too: {error}")
        return self._back(Outcome.ROLLED_BACK, f"{reason}; {fallback[:12]} is running again")

    def _point_back(self, fallback: str, previous: str | None) -> None:
        installation = self._installation
        if installation.linked(installation.previous) == fallback:
            installation.previous.replace(installation.current)  # a new link would need space
        else:
            installation.point(installation.current, fallback)
        self._point_previous(previous if previous != fallback else None)

    def _point_previous(self, previous: str | None) -> None:
        with contextlib.suppress(OSError):  # what serves is more than what could be gone back to
            self._installation.point(self._installation.previous, previous)

    def _back(self, outcome: Outcome, message: str) -> Record:
        """Written down if the card takes it; if not, the next start finds it."""
        try:
            return self._journal.finish(outcome, message)
        except OSError as error:
            self._announce(str(outcome), f"{message}; not written down: {error.strerror}")
            return self._journal.record

    def _serve_again(self, fallback: str, bundle: str, *, must_restart: bool) -> None:
        """Restart, unless the program never took the new bundle: then it continues without a gap."""
        health = self._ask()
        environments = {environment_of(self._installation, one) for one in (fallback, self._journal.record.release)}
        serves = health is not None and health.ready and health.bundle == bundle
        if serves and len(environments) == 1 and not must_restart:
            self._manager.reload()
        else:
            self._start(verify(self._installation, fallback))

    def _ask(self) -> Health | None:
        try:
            return ask(page_of(read_settings(self._installation.settings)))
        except EdgeAslError:
            return None
