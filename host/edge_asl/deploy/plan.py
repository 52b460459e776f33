"""What to do to a device: a pure function from (facts, release, what is missing) to a list of plain values.

Nothing is read or sent here, so a plan can be printed, stored and compared. The empty plan says that nothing is to be
done.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from msgspec import Struct

from edge_asl.deploy.facts import Facts
from edge_asl.deploy.payload import Wanted
from edge_asl.deploy.steps import Activate, AnyStep, Configure, Lock, Screen, Send, Trust, Unlock
from edge_asl.errors import DeviceError
from edge_asl_device.errors import ReleaseError
from edge_asl_device.releases.installation import Mode
from edge_asl_device.releases.settings import parse_options
from edge_asl_device.releases.trust import version_key

SPARE_MB = 50
"""Left free in any case: logs, a second activation's record."""
COMPILED_SHARE = 0.15
"""Compiled modules and folders on top of a new environment's files; 0.1 measured."""
CLOCK_OFF_S = 86400.0
SCREEN_PACKAGES = ("cage", "seatd", "chromium")


class Choices(Struct, frozen=True, kw_only=True):
    """What whoever deploys chose."""

    mode: Mode = Mode.SYSTEM
    keep: int = 3
    allow_downgrade: bool = False
    health_limit_s: float = 60.0
    options: str | None = None
    """New options of ``edge-asl-device run``."""
    screen: bool = False
    """Show the page on the device's own screen."""
    signer: str | None = None
    """A public key to trust where the device trusts none yet."""


class Plan(Struct, frozen=True):
    """Steps in order, and what is worth knowing."""

    steps: list[AnyStep]
    notes: list[str]


def make_plan(facts: Facts, wanted: Wanted, missing: dict[str, int] | None, choices: Choices) -> Plan:
    """The plan.

    Args:
        facts: of the device.
        wanted: what shall run.
        missing: SHA-256 → bytes that are there already, of files that are not whole there; None where nobody asked:
            then the bundle's, and the environment's unless a release there has it.
        choices: of whoever deploys.

    Raises:
        DeviceError: the device cannot take it; the message says what to do.
    """
    _refuse(facts, choices)
    notes = [*wanted.notes, *_notes(facts, choices)]
    steps: list[AnyStep] = []
    staged, configured = _staged(facts, wanted), _configured(facts, choices)
    serves = facts.current("digest") == wanted.release
    if staged and configured and facts.healthy and serves:
        return Plan([], notes)
    _refuse_untrusted(facts, wanted, choices, serves=serves)
    if not staged:
        steps.append(_send(facts, wanted, missing))
    if choices.options is not None and choices.options != facts.options:
        steps.append(Configure(options=choices.options))
    if choices.screen and not facts.screen:
        steps.append(Screen())
    if choices.signer and not facts.signers:
        steps.append(Trust(key=choices.signer))
    steps.append(_activate(wanted, choices, restart=not configured))
    return Plan([Lock(), *steps, Unlock()], notes)


def needs_repair(facts: Facts) -> bool:
    """Whether the last activation found bytes that are not what they should be, or a program there does not run."""
    status = facts.status or {}
    if facts.recheck or "problem" in status:
        return True
    last = status.get("activation") or {}
    return last.get("outcome") == "refused" and last.get("step") == "verify"


def _refuse(facts: Facts, choices: Choices) -> None:
    if choices.mode is not Mode.PLAIN and facts.systemd is None:
        raise DeviceError(
            f"{facts.host}: expected systemd, found none; --mode plain runs the program without it, until the machine "
            "is switched off"
        )
    if choices.mode is Mode.SYSTEM and facts.uid != 0:
        raise DeviceError(
            f"{facts.host}: expected root, or sudo without a password for {facts.user}, found neither; allow it (echo "
            f"'{facts.user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/edge-asl), or deploy with --mode user"
        )
    if not facts.writable:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected a folder to write to, found none for {facts.user}; "
            "name another with --root"
        )
    options = choices.options if choices.options is not None else facts.options
    if "picamera2" in options and not facts.debian.get("python3-picamera2"):
        raise DeviceError(
            f"{facts.host}: expected picamera2, which the options name, found none; on the device: "
            "sudo apt install python3-picamera2 --no-install-recommends"
        )
    lacking = [name for name in SCREEN_PACKAGES if not facts.debian.get(name)]
    if choices.screen and lacking:
        raise DeviceError(
            f"{facts.host}: expected {', '.join(SCREEN_PACKAGES)} for its screen, found no {', '.join(lacking)}; "
            f"on the device: sudo apt install --no-install-recommends {' '.join(lacking)}"
        )
    if choices.screen and choices.mode is not Mode.SYSTEM:
        raise DeviceError(f"--screen: expected --mode system, found {choices.mode}; the screen is the machine's")
    if choices.options is not None:
        _refuse_options(choices.options)


def _refuse_options(options: str) -> None:
    """The device asks again; here nothing was sent yet."""
    if not options.isprintable():
        raise DeviceError(f"--options: expected one line, found {options!r}; give the options in one line")
    try:
        parse_options(tuple(shlex.split(options)))
    except ValueError as error:
        raise DeviceError(
            f"--options: expected words as a shell reads them, found: {error}; mend the quotes"
        ) from error
    except ReleaseError as error:
        said = str(error).replace("EDGE_ASL_OPTIONS", "--options", 1)
        raise DeviceError(f"{said}; edge-asl-device run --help lists them") from error


def _refuse_untrusted(facts: Facts, wanted: Wanted, choices: Choices, *, serves: bool) -> None:
    """What the device would refuse in the end, before the first byte; it has the last word all the same."""
    least = facts.minimums.get(wanted.name)
    if least and not (choices.allow_downgrade or serves) and version_key(wanted.version) < version_key(least):
        raise DeviceError(
            f"{facts.host}: {wanted.name}: expected version {least} or later, found {wanted.version}; deploy a newer "
            "one, or go back on purpose with --allow-downgrade"
        )
    if facts.signers and wanted.signature is None and not choices.signer:
        raise DeviceError(
            f"{facts.host}: expected a signature of {' or '.join(facts.signers)}, found none; "
            "sign it with edge-asl sign BUNDLE"
        )
    if (facts.signers or choices.signer) and not facts.ssh_keygen:
        raise DeviceError(
            f"{facts.host}: expected ssh-keygen to verify signatures, found none; on the device: "
            "sudo apt install openssh-client"
        )


def _notes(facts: Facts, choices: Choices) -> Iterator[str]:
    if not facts.debian.get("python3-picamera2") and not facts.cameras:
        yield "no camera is seen; for a ribbon cable: sudo apt install python3-picamera2 --no-install-recommends"
    if not facts.debian.get("espeak-ng"):
        yield "no voice; sudo apt install espeak-ng"
    if facts.edgetpu and not facts.libedgetpu:
        yield f"a Coral on {', '.join(facts.edgetpu)}, but no libedgetpu: it will run on the processor"
    if choices.mode is Mode.USER and not facts.lingers:
        yield f"it starts when {facts.user} logs in; with the machine after: sudo loginctl enable-linger {facts.user}"
    if choices.mode is Mode.PLAIN:
        yield "nobody starts the program again after a crash or a restart of the machine"
    if choices.mode is not Mode.PLAIN and not facts.memory_limits:
        yield "memory is not limited: add cgroup_enable=memory to /boot/firmware/cmdline.txt"
    if abs(facts.clock_off_s) > CLOCK_OFF_S:
        yield f"the device's clock is {abs(facts.clock_off_s) / 86400:.0f} days off; nothing here depends on it"


def _staged(facts: Facts, wanted: Wanted) -> bool:
    """Whether the release lies there as it is wanted, and the last activation did not find it damaged."""
    if needs_repair(facts):
        return False
    return any(
        release["digest"] == wanted.release
        and "problem" not in release
        and release.get("signature") == wanted.signature
        for release in facts.releases
    )


def _configured(facts: Facts, choices: Choices) -> bool:
    same_options = choices.options is None or choices.options == facts.options
    return same_options and (facts.screen or not choices.screen)


def stage(facts: Facts, wanted: Wanted, missing: dict[str, int], choices: Choices) -> Send:
    """Only to lay the release out beside what serves.

    Raises:
        DeviceError: the device cannot take it.
    """
    _refuse(facts, choices)
    return _send(facts, wanted, missing)


def _send(facts: Facts, wanted: Wanted, missing: dict[str, int] | None) -> Send:
    environments = {release.get("environment") for release in facts.releases}
    new_environment = wanted.environment not in environments
    if missing is None:
        missing = dict.fromkeys(wanted.objects if new_environment else wanted.bundle_objects, 0)
    to_send = sum(wanted.objects[sha] - there for sha, there in missing.items())
    needed_mb = to_send / 1e6 + (wanted.environment_mb * COMPILED_SHARE if new_environment else 0) + SPARE_MB
    if needed_mb > facts.free_mb:
        raise DeviceError(
            f"{facts.host}: {facts.root}: expected {needed_mb:.0f} MB of free space, found {facts.free_mb}; "
            "free some, or deploy with --keep 2"
        )
    repair = needs_repair(facts)
    return Send(files=len(missing), size_bytes=to_send, environment=new_environment or repair, repair=repair)


def _activate(wanted: Wanted, choices: Choices, *, restart: bool) -> Activate:
    return Activate(
        release=wanted.release,
        restart=restart,
        allow_downgrade=choices.allow_downgrade,
        health_limit_s=choices.health_limit_s,
        keep=choices.keep,
    )
