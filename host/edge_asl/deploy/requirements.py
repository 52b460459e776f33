"""What a device must have for a deployment, and what is worth knowing about it. Asked before the first byte is sent."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from msgspec import Struct

from edge_asl.deploy.facts import Facts
from edge_asl.deploy.payload import Wanted
from edge_asl.errors import DeviceError
from edge_asl_device.errors import ReleaseError
from edge_asl_device.releases.installation import Mode
from edge_asl_device.releases.settings import parse_options
from edge_asl_device.releases.trust import version_key

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


def check_device(facts: Facts, choices: Choices) -> None:
    """Whether the device can be deployed to as it is.

    Raises:
        DeviceError: it cannot; the message says what to do.
    """
    if problem := next(_device_problems(facts, choices), None):
        raise DeviceError(f"{facts.host}: {problem}")
    if choices.options is not None:
        _check_options(choices.options)


def _device_problems(facts: Facts, choices: Choices) -> Iterator[str]:
    if choices.mode is not Mode.PLAIN and facts.systemd is None:
        yield "systemd is not running; --mode plain runs the program without it, until the machine is switched off"
    if choices.mode is Mode.SYSTEM and facts.uid != 0:
        yield (
            f"{facts.user} is not root and cannot use sudo without a password; allow it (echo "
            f"'{facts.user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/edge-asl), or deploy with --mode user"
        )
    if not facts.writable:
        yield f"{facts.root}: {facts.user} cannot write to it; choose another folder with --root"
    options = choices.options if choices.options is not None else facts.options
    if "picamera2" in options and not facts.debian.get("python3-picamera2"):
        yield (
            "the options ask for picamera2, which is not installed; on the device: "
            "sudo apt install python3-picamera2 --no-install-recommends"
        )
    if choices.screen and choices.mode is not Mode.SYSTEM:
        yield "--screen works only with --mode system; leave it out, or deploy as root"
    missing = [name for name in SCREEN_PACKAGES if not facts.debian.get(name)]
    if choices.screen and missing:
        yield (
            f"--screen needs {', '.join(missing)}; on the device: "
            f"sudo apt install --no-install-recommends {' '.join(missing)}"
        )


def _check_options(options: str) -> None:
    """The device checks again; here nothing was sent yet."""
    if not options.isprintable():
        raise DeviceError(f"--options must be one line; remove line breaks and control characters from {options!r}")
    try:
        parse_options(tuple(shlex.split(options)))
    except ValueError as error:
        raise DeviceError(f"--options: {error}; check the quotes") from error
    except ReleaseError as error:
        said = str(error).replace("EDGE_ASL_OPTIONS", "--options", 1)
        raise DeviceError(f"{said}; edge-asl-device run --help lists them") from error


def check_edgetpu(facts: Facts, wanted: Wanted) -> None:
    """Refuse a model that only an Edge TPU could run.

    Raises:
        DeviceError: it is compiled for one.
    """
    if not wanted.only_edgetpu:
        return
    if not facts.edgetpu:
        raise DeviceError(
            f"{facts.host}: {wanted.name}: its model is compiled for the Edge TPU, and this device has none; deploy "
            "the bundle that it was compiled from"
        )
    raise DeviceError(
        f"{facts.host}: {wanted.name}: its model.tflite is compiled for the Edge TPU; a bundle needs the processor's "
        "there and the compiled one beside it: edge-asl compile-edgetpu BUNDLE"
    )


def check_trust(facts: Facts, wanted: Wanted, choices: Choices, *, serves: bool) -> None:
    """What the device would refuse in the end; the last word is still its own.

    Raises:
        DeviceError: the version is too old, or there is no signature that the device could verify.
    """
    if problem := next(_trust_problems(facts, wanted, choices, serves=serves), None):
        raise DeviceError(f"{facts.host}: {problem}")


def _trust_problems(facts: Facts, wanted: Wanted, choices: Choices, *, serves: bool) -> Iterator[str]:
    least = facts.minimums.get(wanted.name)
    if least and not (choices.allow_downgrade or serves) and version_key(wanted.version) < version_key(least):
        yield (
            f"{wanted.name}: expected version {least} or later, found {wanted.version}; deploy a newer one, or add "
            "--allow-downgrade"
        )
    if facts.signers and wanted.signature is None and not choices.signer:
        yield (
            "the bundle is not signed, and this device accepts only bundles signed by "
            f"{' or '.join(facts.signers)}; sign it with edge-asl sign BUNDLE"
        )
    if (facts.signers or choices.signer) and not facts.ssh_keygen:
        yield (
            "ssh-keygen, which verifies signatures, is not installed; on the device: sudo apt install openssh-client"
        )


def notes_on(facts: Facts, mode: Mode, wanted: Wanted) -> Iterator[str]:
    """What does not stop a deployment but may surprise somebody later."""
    if wanted.edgetpu and not facts.edgetpu:
        yield "the bundle has a model for the Edge TPU, but no Coral is plugged in: the model will run on the CPU"
    if not facts.debian.get("python3-picamera2") and not facts.cameras:
        yield "no camera found; for one on a ribbon cable: sudo apt install python3-picamera2 --no-install-recommends"
    if not facts.debian.get("espeak-ng"):
        yield "no speech output; to add it: sudo apt install espeak-ng"
    if facts.edgetpu and not facts.libedgetpu:
        yield f"there is a Coral ({', '.join(facts.edgetpu)}) but no libedgetpu: the model will run on the CPU"
    if mode is Mode.USER and not facts.lingers:
        yield f"starts only after {facts.user} logs in; to start at boot: sudo loginctl enable-linger {facts.user}"
    if mode is Mode.PLAIN:
        yield "nothing restarts the program after a crash or a reboot"
    if mode is not Mode.PLAIN and not facts.memory_limits:
        yield "memory use is not limited; to limit it, add cgroup_enable=memory to /boot/firmware/cmdline.txt"
    if abs(facts.clock_off_s) > CLOCK_OFF_S:
        yield f"the device's clock is {abs(facts.clock_off_s) / 86400:.0f} days off; deploying does not depend on it"
