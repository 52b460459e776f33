"""What a device is to get: a bundle, the environment for its kind of device, and where their bytes are."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from edge_asl.deploy.environment.platforms import Platform, choose
from edge_asl.progress import Progress
from edge_asl_device.contract.bundle import Bundle, read_bundle
from edge_asl_device.contract.manifest import EDGETPU_MODEL, MANIFEST, SIGNATURE
from edge_asl_device.errors import BundleError
from edge_asl_device.files import sha256_of
from edge_asl_device.inference.reasons import EDGETPU_OPERATOR
from edge_asl_device.releases.environment import ENVIRONMENT
from edge_asl_device.releases.release import FORMAT, Release

if TYPE_CHECKING:
    from edge_asl.deploy.environment.layout import LaidOut


class Wanted(Struct, frozen=True):
    """The release that is to run, as far as a plan depends on it."""

    release: str
    bundle: str
    name: str
    version: str
    signature: str | None
    """SHA-256 of the bundle's signature."""
    environment: str
    kind: str
    program: str
    objects: dict[str, int]
    """SHA-256 → bytes of every file."""
    bundle_objects: list[str] = []
    """Those that belong to the bundle."""
    environment_mb: float = 0.0
    notes: list[str] = []
    edgetpu: bool = False
    """Whether it has a model for the Edge TPU beside the processor's."""
    only_edgetpu: bool = False
    """Whether the model that should be the processor's is compiled for the Edge TPU."""


class Payload(NamedTuple):
    """Everything that devices of one kind need."""

    release: Release
    wanted: Wanted
    environment_text: str
    bundle_files: dict[str, str]
    """Name → SHA-256."""
    sources: dict[str, Path]
    """SHA-256 → a file with these bytes."""

    def missing_from(self, releases: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """SHA-256 → 0 of what a device with these releases lacks: of a new program 1 MB, not 200."""
        from edge_asl.deploy.environment.layout import known_files

        present: set[str] = set()
        for digest in {str(release.get("environment")) for release in releases if "problem" not in release}:
            present |= self.wanted.objects.keys() if digest == self.wanted.environment else known_files(digest)
        return {sha: 0 for sha in self.wanted.objects if sha not in present or sha in self.wanted.bundle_objects}

    def header(self, objects: Mapping[str, int], *, environment: bool, repair: bool) -> bytes:
        """The line before the bytes, for ``agent.receive``.

        Args:
            objects: SHA-256 → bytes that are there already, in the order in which the others follow.
            environment: whether the list of the environment's files goes along.
        """
        line = {
            "release": self.release.encoded().decode(),
            "environment": self.environment_text if environment else None,
            "environment_digest": self.wanted.environment,
            "bundle": self.bundle_files,
            "repair": repair,
            "objects": [[sha, self.wanted.objects[sha], there] for sha, there in objects.items()],
        }
        return json.dumps(line, sort_keys=True).encode() + b"\n"


def load_ahead() -> None:
    """What ``build_payload`` needs of every environment, while a device is still answering."""
    with contextlib.suppress(Exception):  # who needs it is told
        from edge_asl.deploy.environment.layout import device_files, read_ahead

        device_files()
        read_ahead()


def build_payload(bundle: Path, platform: Platform, kind: str, wheelhouse: Path | None, progress: Progress) -> Payload:
    """The release of a bundle for a platform.

    Raises:
        EdgeAslError: the bundle is damaged, or there is no environment for the platform.
    """
    from edge_asl.deploy.environment.layout import environment_for

    if bundle.suffix == ".tflite" and bundle.is_file():
        raise BundleError(f"{bundle}: a model without a bundle; edge-asl import it, and deploy what that writes")
    read = read_bundle(bundle)
    choice = choose(platform, kind)
    return _payload(read, environment_for(choice, wheelhouse, progress), list(choice.notes))


def _payload(bundle: Bundle, environment: LaidOut, notes: list[str]) -> Payload:
    names = [*bundle.manifest.files, MANIFEST]
    signed = (bundle.folder / SIGNATURE).is_file()
    files = {name: sha256_of(bundle.folder / name) for name in [*names, *([SIGNATURE] * signed)]}
    sources = {sha: bundle.folder / name for name, sha in files.items()}
    sizes = {sha: path.stat().st_size for sha, path in sources.items()}
    for name, file in environment.manifest.files.items():
        sources[file.sha256], sizes[file.sha256] = environment.folder / name, file.size
    release = Release(FORMAT, bundle.digest, environment.digest)
    wanted = Wanted(
        release=release.digest,
        bundle=bundle.digest,
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        signature=files.get(SIGNATURE),
        environment=environment.digest,
        kind=environment.manifest.kind,
        program=environment.manifest.packages["edge-asl-device"],
        objects=sizes,
        bundle_objects=list(files.values()),
        environment_mb=round(environment.manifest.size / 1e6, 1),
        notes=notes,
        edgetpu=EDGETPU_MODEL in files,
        only_edgetpu=any(EDGETPU_OPERATOR.encode() in bundle.spec(name).path.read_bytes() for name in bundle.models),
    )
    text = (environment.folder / ENVIRONMENT).read_text(encoding="utf-8")
    return Payload(release, wanted, text, files, sources)
