"""A release on the workstation: a bundle, the runtime for one kind of device, and where their bytes are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from edge_asl.deploy.layout import LaidOut, runtime_for
from edge_asl.deploy.plan import Send, Wanted
from edge_asl.deploy.platforms import AUTO, Platform, choose
from edge_asl.progress import Progress
from edge_asl_device.contract.manifest import MANIFEST, SIGNATURE, Bundle, read_bundle
from edge_asl_device.files import sha256_of
from edge_asl_device.releases.release import FORMAT, Release
from edge_asl_device.releases.runtime import RUNTIME


class Packed(NamedTuple):
    """Everything that a device of one kind needs."""

    release: Release
    wanted: Wanted
    runtime_text: str
    bundle_files: dict[str, str]
    """Name → SHA-256."""
    sources: dict[str, Path]
    """SHA-256 → a file with these bytes."""

    def header(self, send: Send, objects: Mapping[str, int]) -> bytes:
        """The line before the bytes, for ``agent.receive``.

        Args:
            send: the plan's step.
            objects: SHA-256 → bytes that are there already, in the order in which the rest of them follows.
        """
        line = {
            "release": self.release.encoded().decode(),
            "runtime": self.runtime_text if send.runtime else None,
            "runtime_digest": self.wanted.runtime,
            "bundle": self.bundle_files,
            "repair": send.repair,
            "objects": [[sha, self.wanted.objects[sha], there] for sha, there in objects.items()],
        }
        return json.dumps(line, sort_keys=True).encode() + b"\n"


def pack(
    bundle: Path, platform: Platform, kind: str = AUTO, wheelhouse: Path | None = None, progress: Progress | None = None
) -> Packed:
    """The release of a bundle for a platform.

    Raises:
        EdgeAslError: the bundle is damaged, or there is no runtime for the platform.
    """
    read = read_bundle(bundle)
    choice = choose(platform, kind)
    laid_out = runtime_for(choice, wheelhouse, progress)
    return _packed(read, laid_out, list(choice.notes))


def _packed(bundle: Bundle, runtime: LaidOut, notes: list[str]) -> Packed:
    names = [*bundle.manifest.files, MANIFEST]
    signed = (bundle.folder / SIGNATURE).is_file()
    files = {name: sha256_of(bundle.folder / name) for name in [*names, *([SIGNATURE] * signed)]}
    sources = {sha: bundle.folder / name for name, sha in files.items()}
    sizes = {sha: path.stat().st_size for sha, path in sources.items()}
    for name, file in runtime.manifest.files.items():
        sources[file.sha256], sizes[file.sha256] = runtime.folder / name, file.size
    release = Release(FORMAT, bundle.digest, runtime.digest)
    wanted = Wanted(
        release=release.digest,
        bundle=bundle.digest,
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        signature=files.get(SIGNATURE),
        runtime=runtime.digest,
        kind=runtime.manifest.kind,
        program=runtime.manifest.packages["edge-asl-device"],
        objects=sizes,
        bundle_objects=list(files.values()),
        runtime_mb=round(runtime.manifest.size / 1e6, 1),
        notes=notes,
    )
    text = (runtime.folder / RUNTIME).read_text(encoding="utf-8")
    return Packed(release, wanted, text, files, sources)
