"""Downloading packages with pip, from where the user's own pip gets them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_asl.errors import PlatformError

LIMIT_S = 1800.0
"""For 90 MB: half an hour at 0.4 Mbit/s."""

# The user decides where packages come from. A target folder, a constraint or a ban on wheels, though, was meant for
# another environment and would break this one.
INDEX = ("index-url", "extra-index-url", "find-links", "no-index", "keyring-provider")
CONNECTION = ("trusted-host", "cert", "client-cert", "proxy", "timeout", "default-timeout", "retries")
KEPT = (*INDEX, *CONNECTION, "cache-dir", "no-cache-dir")
SECTIONS = ("global", "download", ":env:")
"""Of pip's configuration; the last one wins."""


def download_wheels(requirements: str, folder: Path, platform: Sequence[str], wanted: str, otherwise: str) -> None:
    """Put the wheels that ``requirements`` pins with their hashes into ``folder``, and nothing that they depend on.

    Args:
        requirements: lines ``NAME==VERSION --hash=sha256:…``.
        folder: exists.
        platform: pip's options that say for which machine and Python, if not for this one.
        wanted: what is downloaded, for errors.
        otherwise: what a workstation without internet does instead.

    Raises:
        PlatformError: one cannot be downloaded, or is not the pinned one.
    """
    listing = _pip(["config", "list"], os.environ, "pip's configuration", otherwise)
    with TemporaryDirectory() as scratch:
        pins = Path(scratch, "requirements.txt")
        pins.write_text(requirements, encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--progress-bar=off", "--dest", str(folder)]
        command = ["download", *options, *platform, "--requirement", str(pins)]
        _pip(command, environment(listing, os.environ), wanted, otherwise)


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


def _pip(arguments: list[str], variables: Mapping[str, str], wanted: str, otherwise: str) -> str:
    # -P: a file pip.py in the current folder must not be taken for pip.
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        run = subprocess.run(command, env=dict(variables), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _failed(wanted, otherwise, f"not finished after {LIMIT_S / 60:.0f} minutes") from error
    if run.returncode:
        raise _failed(wanted, otherwise, reason(run.stderr))
    return run.stdout


def _failed(wanted: str, otherwise: str, found: str) -> PlatformError:
    return PlatformError(
        f"pip could not get {wanted}: {found}; check the network and `pip config list`; "
        f"on a workstation without internet: {otherwise}"
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
