"""What a staged release must prove before the switch. Until then nothing that runs has changed."""

from __future__ import annotations

from msgspec import Struct

from edge_asl_device.files import sync_tree
from edge_asl_device.releases.compiled import NO_COMPILING, compiling_variables, forget_half_compiled, keep_compiled
from edge_asl_device.releases.installation import Installation
from edge_asl_device.releases.record import Journal
from edge_asl_device.releases.release import Staged, verify
from edge_asl_device.releases.selftest import LIMIT_S, self_test
from edge_asl_device.releases.settings import next_settings, parse_options, read_settings
from edge_asl_device.releases.trust import check_version, verify_signature

STEPS = ("begin", "verify", "signature", "version", "self-test", "sync")
"""An activation that was interrupted in one of these has changed nothing."""


class ActivationOptions(Struct, frozen=True, kw_only=True):
    """Options of an activation."""

    allow_downgrade: bool = False
    restart: bool = False
    """Even where the running program could load the bundle without a gap. Only a restart applies new settings."""
    configured: bool = False
    """Settings wait beside the present ones for this switch; any others were left by a deployment that was cut off."""
    health_limit_s: float = 60.0
    keep: int | None = None
    """How many releases stay on the device; None: all. Only who deploys knows that nobody else is sending."""


def prove(installation: Installation, digest: str, options: ActivationOptions, journal: Journal) -> Staged:
    """Verify a staged release, check its signature and version, try it and sync it to disk.

    Raises:
        EdgeAslError, OSError: it failed; the journal says in which step.
    """
    journal.enter("verify")
    staged = verify(installation, digest)
    count = len(staged.bundle.manifest.files) + len(staged.environment.files)
    journal.announce("verify", f"{count} files are intact")

    journal.enter("signature")
    signer = verify_signature(staged.bundle.folder, installation.signers)
    journal.announce("signature", f"by {signer}" if signer else "not required: this device trusts no key yet")

    journal.enter("version")
    manifest = staged.bundle.manifest
    # What serves now was accepted before, perhaps on purpose: restarting it is no downgrade.
    serves = digest == installation.linked(installation.current)
    allowed = options.allow_downgrade or serves
    check_version(installation.minimums, manifest.name, manifest.version, allow_downgrade=allowed)
    journal.announce("version", f"{manifest.name} {manifest.version}")

    journal.enter("self-test")
    journal.announce("self-test", _try(installation, staged, options))

    journal.enter("sync")
    keep_compiled(staged.environment_folder)
    sync_tree(staged.folder)
    journal.announce("sync", "written to disk")
    return staged


def _try(installation: Installation, staged: Staged, options: ActivationOptions) -> str:
    parsed = parse_options(read_settings(next_settings(installation.settings)).options)
    forget_half_compiled(staged.environment_folder)
    variables = compiling_variables(staged.environment_folder)
    # Once its modules are compiled, the self-test imports as fast as the start does, and gets no longer.
    limit_s = min(LIMIT_S, options.health_limit_s) if NO_COMPILING in variables else LIMIT_S
    return self_test(staged.python, staged.bundle.folder, parsed.runtime, parsed.threads, variables, limit_s)
