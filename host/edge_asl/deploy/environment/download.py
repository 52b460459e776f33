"""Downloading an environment's wheels, for another platform than this one."""

from __future__ import annotations

from pathlib import Path

from edge_asl.deploy.environment.platforms import Choice
from edge_asl.deploy.environment.wheels import pick, read_pins, verified
from edge_asl.progress import Progress
from edge_asl.workstation.pip import download_wheels


def fill_wheelhouse(choice: Choice, folder: Path, progress: Progress) -> list[Path]:
    """Put every wheel that ``choice`` needs into ``folder``, for a workstation without internet.

    One folder can serve several platforms. A wheel that is already there, undamaged, is not downloaded again.

    Raises:
        PlatformError: a package cannot be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_pins(choice.pins_text())
    progress.say(f"downloading {len(pins)} packages for Python {choice.python} on {choice.platform}")
    platform = ["--implementation=cp", f"--python-version={choice.python}", *(f"--platform={t}" for t in choice.tags)]
    wanted = f"wheels for Python {choice.python} on {choice.platform}"
    download_wheels(choice.pins_text(), folder, platform, wanted, "--wheelhouse DIR")
    wheels = pick(choice, pins, folder)
    for path, pin in zip(wheels, pins, strict=True):
        verified(path, pin)
    return wheels
