"""A site's settings file: ``EDGE_ASL_OPTIONS=…`` and environment variables, in systemd's format.

New settings wait beside it as ``….next`` until a switch applies them; the old ones stay as ``….before`` until that
switch has proved healthy. Options with which the program does not start are thus undone together with the release.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.errors import EdgeAslError, ReleaseError
from edge_asl_device.files import sync
from edge_asl_device.kiosk.options import add_run_options
from edge_asl_device.web.token import read_token


class Page(NamedTuple):
    """Where this machine reaches the program's page."""

    host: str
    port: int
    token: str | None


class SiteSettings(NamedTuple):
    """A site's options and environment."""

    options: tuple[str, ...]
    environment: dict[str, str]


def read_settings(path: Path) -> SiteSettings:
    """Read ``KEY=VALUE`` lines; a missing file is an empty one.

    Raises:
        ReleaseError: the file cannot be read, or its options cannot be split.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: cannot be read: {error}; it should be a text file of KEY=VALUE lines") from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", ";")):
            found[key.strip()] = _unquoted(value.strip())
    try:
        options = tuple(shlex.split(found.pop("EDGE_ASL_OPTIONS", "")))
    except ValueError as error:
        raise ReleaseError(f"{path}: EDGE_ASL_OPTIONS: {error}; fix the quotes") from error
    return SiteSettings(options, found)


def next_settings(path: Path) -> Path:
    """The settings that the next start will use."""
    beside = _next(path)
    return beside if beside.exists() else path


def apply_next(path: Path) -> None:
    """Replace the old settings by the new ones, if there are any."""
    if not _next(path).exists():
        return
    before = _before(path)
    before.unlink(missing_ok=True)
    if path.exists():
        before.hardlink_to(path)
    else:
        before.touch()
    _next(path).replace(path)
    sync(path.parent)


def restore_old(path: Path) -> bool:
    """Undo ``apply_next``; whether there was anything to undo."""
    if not _before(path).exists():
        return False
    _before(path).replace(path)
    sync(path.parent)
    return True


def discard_next(path: Path) -> None:
    """Drop the new settings: they were refused, or nobody asks for them any more."""
    _next(path).unlink(missing_ok=True)


def confirm(path: Path) -> None:
    """Keep the new settings for good."""
    _before(path).unlink(missing_ok=True)


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def page_of(settings: SiteSettings) -> Page:
    """Where the program serves with these options.

    Raises:
        ReleaseError: the program would not accept the options.
    """
    parsed = parse_options(settings.options)
    token = settings.environment.get("EDGE_ASL_TOKEN", "").strip() or None
    if parsed.token_file is not None:
        try:
            token = read_token(parsed.token_file)
        except EdgeAslError as error:
            raise ReleaseError(str(error)) from error
    everywhere = parsed.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    return Page("127.0.0.1" if everywhere else parsed.host, parsed.port, token)


def parse_options(options: tuple[str, ...]) -> argparse.Namespace:
    """The options of ``edge-asl-device run``, as it reads them.

    Raises:
        ReleaseError: it would not accept them.
    """
    run = argparse.ArgumentParser(prog="edge-asl-device run", add_help=False)
    add_run_options(run)
    output = io.StringIO()  # argparse ends the program, and says why on standard error
    try:
        with contextlib.redirect_stderr(output):
            return run.parse_args(options)
    except SystemExit as error:
        reason = output.getvalue().strip().rpartition("error: ")[2]
        raise ReleaseError(f"EDGE_ASL_OPTIONS: edge-asl-device run does not accept them: {reason}") from error
