"""Downloading an environment's wheels with pip, for another platform than this one."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_asl.deploy.environment.platforms import Choice
from edge_asl.deploy.environment.wheels import pick, read_pins, verified
from edge_asl.errors import PlatformError
from edge_asl.progress import Progress

LIMIT_S = 1800.0
"""For 90 MB: half an hour at 0.4 Mbit/s."""

# The user decides where packages come from. A target folder, a constraint or a ban on wheels, though, was meant for
# another environment and would break this one.
INDEX = ("index-url", "extra-index-url", "find-links", "no-index", "keyring-provider")
CONNECTION = ("trusted-host", "cert", "client-cert", "proxy", "timeout", "default-timeout", "retries")
KEPT = (*INDEX, *CONNECTION, "cache-dir", "no-cache-dir")
SECTIONS = ("global", "download", ":env:")
"""Of pip's configuration; the last one wins."""


def fill_wheelhouse(choice: Choice, folder: Path, progress: Progress) -> list[Path]:
    """Put every wheel that ``choice`` needs into ``folder``, for a workstation without internet.

    One folder can serve several platforms. A wheel that is already there, undamaged, is not downloaded again.

    Raises:
        PlatformError: a package cannot be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_pins(choice.pins_text())
    progress.say(f"downloading {len(pins)} packages for Python {choice.python} on {choice.platform}")
    _download(choice, folder)
    wheels = pick(choice, pins, folder)
    for path, pin in zip(wheels, pins, strict=True):
        verified(path, pin)
    return wheels


def _download(choice: Choice, folder: Path) -> None:
    listing = _pip(["config", "list"], os.environ)
    with TemporaryDirectory() as scratch:
        pins = Path(scratch, choice.pins)
        pins.write_text(choice.pins_text(), encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--progress-bar=off", "--dest", str(folder)]
        target = ["--implementation", "cp", "--python-version", choice.python]
        platforms = [f"--platform={tag}" for tag in choice.tags]
        command = ["download", *options, *target, *platforms, "--requirement", str(pins)]
        _pip(command, environment(listing, os.environ), f"wheels for Python {choice.python} on {choice.platform}")


def environment(listing: str, own: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, plus those of pip's settings (``listing``) that say where packages come from."""
    settings: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in settings and option in KEPT:
            settings[section][option] = " ".join(str(ast.literal_eval(value)).split())
    # To pip an empty setting is none, and does not override an earlier one.
    kept = {option: value for section in SECTIONS for option, value in settings[section].items() if value}
    variables = {f"PIP_{option.upper().replace('-', '_')}": value for option, value in kept.items()}
    others = {name: value for name, value in own.items() if not name.startswith("PIP_")}
    # Without internet, pip would try five times per package: a minute and a half in all.
    return others | {"PIP_RETRIES": "2", "PIP_NO_INPUT": "1", "PIP_CONFIG_FILE": os.devnull} | variables


def _pip(arguments: list[str], variables: Mapping[str, str], wanted: str = "pip's configuration") -> str:
    # -P: a file pip.py in the current folder must not be taken for pip.
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        run = subprocess.run(command, env=dict(variables), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _failed(wanted, f"not finished after {LIMIT_S / 60:.0f} minutes") from error
    if run.returncode:
        raise _failed(wanted, reason(run.stderr))
    return run.stdout


def _failed(wanted: str, found: str) -> PlatformError:
    return PlatformError(
        f"pip could not get {wanted}: {found}; check the network and `pip config list`; "
        "on a workstation without internet: --wheelhouse DIR"
    )


def reason(stderr: str) -> str:
    """Why pip failed, in one line, without passwords."""
    text = re.sub(r"://[^/\s@]+@", "://…@", stderr)
    other = re.search(r"^ +(\S+) from .*\n +Expected sha256", text, re.MULTILINE)
    if other:
        return f"the index has another {other[1]} than the pinned one"
    if "Retrying (" in text:
        return "no connection to the package index"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it gave no reason"])[-1]
