"""A release: a bundle and the environment that runs it, verified byte by byte."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from edge_asl_device.contract.manifest import Bundle, Sha256, read_bundle
from edge_asl_device.contract.untrusted import read_bounded
from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import sha256_of
from edge_asl_device.releases.environment import ENVIRONMENT, EnvironmentManifest, parse_environment
from edge_asl_device.releases.installation import Installation

RELEASE = "release.json"
FORMAT = 1
MAX_BYTES = 8_000_000
"""Of a list of files; an environment of 1,500 files has one of 200 KB."""


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """``release.json``; the SHA-256 of its bytes names the release."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    bundle: Sha256
    """Of ``manifest.json``."""
    environment: Sha256
    """Of ``environment.json``."""

    def encoded(self) -> bytes:
        """The bytes whose hash is the digest."""
        return msgspec.json.encode(self)

    @property
    def digest(self) -> str:
        """The release's name."""
        return hashlib.sha256(self.encoded()).hexdigest()


class Staged(NamedTuple):
    """A release whose every byte is what its digest says."""

    digest: str
    release: Release
    bundle: Bundle
    environment: EnvironmentManifest
    folder: Path

    @property
    def environment_folder(self) -> Path:
        """The environment's own folder, not the link to it."""
        return self.folder.parent.parent / "environments" / self.release.environment

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment_folder / "bin" / "python"

    @property
    def units(self) -> Path:
        """Folder of the environment's own units for systemd."""
        packages = self.environment_folder / "lib" / f"python{self.environment.python}" / "site-packages"
        return packages / "edge_asl_device" / "systemd"


def read_release(installation: Installation, digest: str) -> Release:
    """``release.json`` of a staged release.

    Raises:
        ReleaseError: it is not there, or its bytes are not those that the digest names.
    """
    path = installation.releases / digest / RELEASE
    data = read_bounded(path, MAX_BYTES)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ReleaseError(f"{path}: expected sha256 {digest[:12]}…, found others; deploy it again")
    try:
        return msgspec.json.decode(data, type=Release)
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{path}: {error}; deploy it again") from error


def verify(installation: Installation, digest: str) -> Staged:
    """Read a staged release and check every file of bundle and environment against its hash.

    Raises:
        EdgeAslError: anything missing, extra, linked, changed or not understood.
    """
    release = read_release(installation, digest)
    folder = installation.releases / digest
    _only(folder, {RELEASE, "bundle", "environment"})
    if (folder / "bundle").is_symlink():
        raise ReleaseError(f"{folder / 'bundle'}: expected a folder, found a link; deploy it again")
    expected = f"../../environments/{release.environment}"
    if not (folder / "environment").is_symlink() or str((folder / "environment").readlink()) != expected:
        raise ReleaseError(f"{folder / 'environment'}: expected a link to {expected}, found otherwise; deploy it again")
    bundle = read_bundle(folder / "bundle")
    if bundle.digest != release.bundle:
        raise ReleaseError(
            f"{bundle.folder}: expected the bundle {release.bundle[:12]}…, found {bundle.digest[:12]}…; deploy it again"
        )
    return Staged(digest, release, bundle, verify_environment(installation.environments / release.environment), folder)


def verify_environment(folder: Path) -> EnvironmentManifest:
    """Check that an environment's files are exactly those that its list names; the folder's name is the list's hash.

    Compiled modules are the device's own: Python wrote them from these files.

    Raises:
        ReleaseError: anything missing, extra, linked or changed.
    """
    path = folder / ENVIRONMENT
    data = read_bounded(path, MAX_BYTES)
    if folder.is_symlink() or hashlib.sha256(data).hexdigest() != folder.name:
        raise ReleaseError(f"{path}: expected sha256 {folder.name[:12]}…, found others; deploy it again")
    manifest = parse_environment(data, str(path))
    wanted = {*manifest.files, *manifest.links, ENVIRONMENT}
    for found in _files(folder):
        relative = found.relative_to(folder)
        if str(relative) not in wanted and not _compiled(relative):
            raise ReleaseError(
                f"{found}: expected only files that {ENVIRONMENT} lists, found this one; deploy it again"
            )
    for name, target in manifest.links.items():
        link = folder / name
        if not link.is_symlink() or str(link.readlink()) != target:
            raise ReleaseError(f"{link}: expected a link to {target}, found otherwise; deploy it again")
    for name, file in manifest.files.items():
        _check(folder / name, file.sha256, file.size)
    return manifest


def _check(path: Path, sha256: str, size: int) -> None:
    if path.is_symlink() or not path.is_file():
        raise ReleaseError(f"{path}: expected a regular file, found {'a link' if path.is_symlink() else 'none'}")
    if path.stat().st_size != size or sha256_of(path) != sha256:
        raise ReleaseError(f"{path}: expected {size} bytes of sha256 {sha256[:12]}…, found others; deploy it again")


def _files(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder; links are not followed."""
    for parent, folders, files in os.walk(folder, onerror=_raise):
        yield from (Path(parent, name) for name in files)
        yield from (Path(parent, name) for name in folders if Path(parent, name).is_symlink())


def _raise(error: OSError) -> None:
    raise error


def _compiled(relative: Path) -> bool:
    return relative.suffix == ".pyc" and relative.parent.name == "__pycache__"


def _only(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if path.name not in names:
            raise ReleaseError(f"{path}: expected only {', '.join(sorted(names))}, found this; deploy it again")
