"""A release: a bundle and the environment that runs it, verified byte by byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import Sha256
from edge_asl_device.contract.tree import Tree, read_verified
from edge_asl_device.contract.untrusted import file_errors_as
from edge_asl_device.errors import FileError, ReleaseError
from edge_asl_device.releases.environment import ENVIRONMENT, EnvironmentManifest, parse_environment
from edge_asl_device.releases.installation import Installation

RELEASE = "release.json"
FORMAT = 1
MAX_BYTES = 8_000_000
"""Of a list of files; an environment of 1,500 files has one of 200 KB."""
AGAIN = "deploy again"


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
    environment_folder: Path
    """The environment's own, not the link to it."""

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
    with file_errors_as(ReleaseError, AGAIN):
        data = read_verified(path, digest, MAX_BYTES)
    try:
        return msgspec.json.decode(data, type=Release)
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{path}: {error}; {AGAIN}") from error


def environment_of(installation: Installation, digest: str) -> str | None:
    """The environment of a staged release; None if its ``release.json`` is damaged."""
    try:
        return read_release(installation, digest).environment
    except ReleaseError:
        return None


def verify(installation: Installation, digest: str) -> Staged:
    """Read a staged release and check every file of bundle and environment against its hash.

    Raises:
        EdgeAslError: anything missing, extra, linked, changed or not understood.
    """
    release = read_release(installation, digest)
    folder = installation.releases / digest
    listed = Tree(
        {}, {"environment": f"../../environments/{release.environment}"}, unlisted=frozenset({RELEASE, "bundle"})
    )
    with file_errors_as(ReleaseError, AGAIN):
        listed.verify(folder)
    bundle = read_bundle(folder / "bundle")
    if bundle.digest != release.bundle:
        raise ReleaseError(
            f"{bundle.folder}: expected the bundle {release.bundle[:12]}…, found {bundle.digest[:12]}…; {AGAIN}"
        )
    environment = installation.environments / release.environment
    return Staged(digest, release, bundle, verify_environment(environment), folder, environment)


def verify_environment(folder: Path) -> EnvironmentManifest:
    """Check that an environment's files are exactly those that its list names; the folder's name is the list's hash.

    Compiled modules are the device's own: Python wrote them from these files.

    Raises:
        ReleaseError: anything missing, extra, linked or changed.
    """
    path = folder / ENVIRONMENT
    with file_errors_as(ReleaseError, AGAIN):
        if folder.is_symlink():
            raise FileError(f"{folder}: is a link")
        manifest = parse_environment(read_verified(path, folder.name, MAX_BYTES), str(path))
        manifest.tree().verify(folder)
    return manifest
