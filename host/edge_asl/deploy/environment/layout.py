"""A device's environment, laid out on the workstation: the same inputs give the same bytes on every machine.

    environment.json                        every file with its hash; its own hash is the environment's name
    pyvenv.cfg  bin/python  bin/edge-asl-device
    lib/python3.11/site-packages/       the pinned packages and edge_asl_device itself

It is made once and cached under ``${XDG_CACHE_HOME:-~/.cache}/edge-asl``, named by everything that went into it. The
packages have a folder of their own, so that another version of the program costs neither network nor disk.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

import msgspec

import edge_asl_device
from edge_asl.deploy.environment.download import fill_wheelhouse
from edge_asl.deploy.environment.platforms import Choice
from edge_asl.deploy.environment.wheels import UNUSED, members, pick, read_pins, verified
from edge_asl.errors import PlatformError
from edge_asl.progress import Progress, Quiet
from edge_asl.workstation.cache_folder import cache_folder
from edge_asl_device.contract.tree import Tree
from edge_asl_device.errors import FileError, ReleaseError
from edge_asl_device.releases.environment import (
    ENVIRONMENT,
    EXECUTABLE,
    FORMAT,
    PYTHON_LINK,
    READABLE,
    EnvironmentFile,
    EnvironmentManifest,
    digest_of,
    entries,
    parse_environment,
)

PACKAGES = "packages.json"
LAYOUT = 1
"""To be raised when the same inputs give other files."""

UNUSED_DAYS = 30

# The variable keeps the current folder off the module path, for child processes, too, which `-P` would not reach.
# `readlink`: the launcher is called through links.
LAUNCHER = b"""#!/bin/sh
export PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1
exec "$(dirname "$(readlink -f "$0")")/python" -m edge_asl_device "$@"
"""

T = TypeVar("T")

_ahead: dict[Path, LaidOut] = {}
"""Folder → what ``read_ahead`` found there, until somebody asks for it."""


class LaidOut(NamedTuple):
    """An environment in a folder on this workstation."""

    folder: Path
    manifest: EnvironmentManifest
    digest: str


class Packages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``packages.json``: the part of an environment that others wrote."""

    versions: dict[str, str]
    files: dict[str, EnvironmentFile]


def environment_for(
    choice: Choice, wheelhouse: Path | None = None, progress: Progress | None = None, cache: Path | None = None
) -> LaidOut:
    """The environment for ``choice``: from the cache if it is there, in 0.1 s without network.

    Args:
        choice: from ``platforms.choose``.
        wheelhouse: a folder of wheels instead of the network.
        progress: told about whatever takes seconds.
        cache: another folder than the user's cache.

    Raises:
        PlatformError: a package is missing, damaged or cannot be downloaded; no room in the cache.
    """
    cache = cache or cache_folder()
    progress = progress or Quiet()
    pinned = _key(LAYOUT, UNUSED.pattern, choice.python, choice.machine, choice.pins_text())
    ours = _our_files(choice)
    whole = _key(pinned, choice.kind, choice.interpreter, {path: digest_of(data) for path, data in ours.items()})

    def make(folder: Path) -> None:
        packages = _cached(
            cache / "packages" / pinned,
            _read_packages,
            lambda beside: _lay_out_packages(choice, wheelhouse, beside, progress),
        )
        _lay_out_environment(choice, ours, cache / "packages" / pinned, packages, folder)

    try:
        return _cached(
            cache / "environments" / whole, lambda folder: _ahead.pop(folder, None) or _read_environment(folder), make
        )
    except OSError as error:
        raise PlatformError(
            f"{cache}: cannot store an environment: {error.strerror or error}; free some space or set XDG_CACHE_HOME"
        ) from error


def read_ahead() -> None:
    """Read the environment that was used last, which is probably the next one, too."""
    folders = sorted((cache_folder() / "environments").glob("[!.]*"), key=lambda folder: folder.stat().st_mtime)
    if folders and (found := _read_environment(folders[-1])) is not None:
        _ahead[folders[-1]] = found


@functools.cache
def device_files() -> dict[str, bytes]:
    """The device's program from this workstation, installed or as a checkout: path below site-packages → bytes."""
    package = Path(edge_asl_device.__file__).parent
    files = {path.relative_to(package.parent).as_posix(): path for path in package.rglob("*") if _is_source(path)}
    version = edge_asl_device.__version__
    # Where importlib.metadata finds the version; made here, because an editable install has no such file to copy.
    metadata = f"Metadata-Version: 2.1\nName: edge-asl-device\nVersion: {version}\nLicense-Expression: Apache-2.0\n"
    return {name: path.read_bytes() for name, path in sorted(files.items())} | {
        f"edge_asl_device-{version}.dist-info/METADATA": metadata.encode()
    }


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")


def _our_files(choice: Choice) -> dict[str, bytes]:
    home = PurePosixPath(choice.interpreter).parent
    # The system's packages are visible for picamera2, which only Debian builds; these here come first.
    settings = f"home = {home}\ninclude-system-site-packages = true\nversion = {choice.python}\n"
    return {f"{_site(choice)}/{path}": data for path, data in device_files().items()} | {
        "pyvenv.cfg": settings.encode(),
        "bin/edge-asl-device": LAUNCHER,
    }


def _lay_out_packages(choice: Choice, wheelhouse: Path | None, folder: Path, progress: Progress) -> None:
    pins = read_pins(choice.pins_text())
    files: dict[str, EnvironmentFile] = {}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".wheels-") as scratch:
        if wheelhouse is None:
            fill_wheelhouse(choice, Path(scratch), progress)
        wheels = pick(choice, pins, wheelhouse or Path(scratch))
        with progress.task(f"environment for {choice.platform}", len(pins)) as advance:
            for done, (path, pin) in enumerate(zip(wheels, pins, strict=True), 1):
                for member in members(verified(path, pin)):
                    name = f"{_site(choice)}/{member.path}"
                    files[name] = _write(folder / name, member.content, EXECUTABLE if member.executable else READABLE)
                advance(done, str(pin))
    packages = Packages({pin.name: pin.version for pin in pins}, files)
    _write(folder / PACKAGES, msgspec.json.encode(packages), READABLE)


def _lay_out_environment(
    choice: Choice, ours: dict[str, bytes], source: Path, packages: Packages, folder: Path
) -> None:
    for name in packages.files:
        _link(source / name, folder / name)
    files = dict(packages.files)
    for name, data in ours.items():
        files[name] = _write(folder / name, data, EXECUTABLE if name.startswith("bin/") else READABLE)
    (folder / PYTHON_LINK).symlink_to(choice.interpreter)
    manifest = EnvironmentManifest(
        format=FORMAT,
        python=choice.python,
        platform=choice.platform,
        kind=choice.kind,
        packages=packages.versions | {"edge-asl-device": edge_asl_device.__version__},
        files=files,
        links={PYTHON_LINK: choice.interpreter},
    )
    _write(folder / ENVIRONMENT, manifest.encoded(), READABLE)


def _read_packages(folder: Path) -> Packages | None:
    try:
        packages = msgspec.json.decode((folder / PACKAGES).read_bytes(), type=Packages)
        Tree(entries(packages.files), unlisted=frozenset({PACKAGES})).verify(folder)
    except (OSError, msgspec.DecodeError, FileError):
        return None
    return packages


def _read_environment(folder: Path) -> LaidOut | None:
    try:
        data = (folder / ENVIRONMENT).read_bytes()
        manifest = parse_environment(data)
        # A disk may have been full, a user tidy. No hashes: the device checks whatever it receives.
        manifest.tree().verify(folder, hashes=False)
    except (OSError, ReleaseError, FileError):
        return None
    return LaidOut(folder, manifest, digest_of(data))


def _cached(folder: Path, read: Callable[[Path], T | None], make: Callable[[Path], None]) -> T:
    """What ``read`` finds in ``folder``; if it finds nothing whole, ``make`` makes it first, in a folder beside it."""
    found = read(folder)
    if found is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        delete_unused(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
            beside = Path(scratch, folder.name)
            beside.mkdir()
            make(beside)
            # Another deployment may have made it meanwhile, and may be reading it now.
            if read(folder) is None:
                if folder.exists():
                    folder.rename(Path(scratch, "damaged"))
                beside.rename(folder)
        found = read(folder)
    if found is None:
        raise PlatformError(f"{folder}: incomplete although it was just written; try again")
    os.utime(folder)
    return found


def delete_unused(folder: Path) -> None:
    """Delete what a cache holds but nobody has used for a month."""
    oldest = time.time() - UNUSED_DAYS * 86_400
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def known_files(environment: str) -> set[str]:
    """SHA-256 of the files of an environment that this workstation has laid out; none if it is not in the cache."""
    for path in cache_folder().glob(f"environments/*/{ENVIRONMENT}"):
        data = path.read_bytes()
        if digest_of(data) == environment:
            return {file.sha256 for file in parse_environment(data, str(path)).files.values()}
    return set()


def _write(path: Path, content: bytes, mode: int) -> EnvironmentFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)  # whatever the umask is
    return EnvironmentFile(digest_of(content), len(content), mode)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # the file system has no hard links
        shutil.copy(source, target)


def _site(choice: Choice) -> str:
    return f"lib/python{choice.python}/site-packages"


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
