"""Deletes what no release needs any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_asl_device.releases.compiled import MARKER
from edge_asl_device.releases.installation import DIGEST, Installation
from edge_asl_device.releases.release import environment_of


def prune(installation: Installation, keep: int, begun_s: float) -> str:
    """Keep the newest releases, always including the current and the previous one; a line on what was deleted.

    Uploaded files that belong to no release, and folders that a power cut left half laid out, are deleted, too: an
    activation follows a complete upload.

    Args:
        begun_s: when that activation began, by the clock that dates files. Whatever is newer belongs to another
            deployment and stays.
    """
    held = {digest for link in (installation.current, installation.previous) if (digest := installation.linked(link))}
    staged = installation.staged()
    newest = [digest for digest in reversed(staged) if digest not in held][: max(keep - len(held), 0)]
    kept = held | set(newest)
    for digest in staged:
        if digest not in kept and _older(installation.releases / digest, begun_s):
            shutil.rmtree(installation.releases / digest)
    for folder in [*_unfinished(installation.releases), *_unfinished(installation.environments)]:
        if _older(folder, begun_s):
            shutil.rmtree(folder)
    environments = {environment_of(installation, digest) for digest in installation.staged()}
    for folder in _digests(installation.environments):
        if folder.name not in environments and _older(folder, begun_s):
            installation.environments.joinpath(f"{MARKER}-{folder.name}").unlink(missing_ok=True)
            shutil.rmtree(folder)
    freed = 0
    for path in [*installation.objects.glob(".partial-*"), *_digests(installation.objects)]:
        if path.stat().st_nlink == 1 and _older(path, begun_s):
            freed += path.stat().st_size
            path.unlink()
    return f"kept {len(installation.staged())} of {len(staged)} releases, freed {freed / 1e6:.1f} MB"


def _older(path: Path, begun_s: float) -> bool:
    return path.stat().st_mtime < begun_s


def _unfinished(folder: Path) -> list[Path]:
    """What an upload lays out beside a folder's name, or puts aside, until it is done."""
    named = [path for kind in ("new", "old") for path in folder.glob(f"*.{kind}")]
    return [path for path in named if DIGEST.fullmatch(path.stem)]


def _digests(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if DIGEST.fullmatch(path.name)] if folder.is_dir() else []
