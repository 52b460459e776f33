"""Taking away what no release needs any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.releases.compiled import MARKER
from edge_asl_device.releases.place import DIGEST, Place
from edge_asl_device.releases.release import read_release


def prune(place: Place, keep: int) -> str:
    """Keep the newest releases, the current and the previous one among them in any case; a word on what went.

    What was uploaded and belongs to no release goes, too: an activation follows a whole upload.
    """
    held = {digest for link in (place.current, place.previous) if (digest := place.linked(link))}
    staged = place.staged()
    newest = [digest for digest in reversed(staged) if digest not in held][: max(keep - len(held), 0)]
    kept = held | set(newest)
    for digest in staged:
        if digest not in kept:
            shutil.rmtree(place.releases / digest)
    runtimes = {runtime for digest in kept if (runtime := _runtime(place, digest))}
    for folder in _digests(place.runtimes):
        if folder.name not in runtimes:
            place.runtimes.joinpath(f"{MARKER}-{folder.name}").unlink(missing_ok=True)
            shutil.rmtree(folder)
    freed = 0
    for path in place.objects.glob(".partial-*"):
        freed += path.stat().st_size
        path.unlink()
    for path in _digests(place.objects):
        stat = path.stat()
        if stat.st_nlink == 1:
            freed += stat.st_size
            path.unlink()
    return f"{len(kept)} of {len(staged)} releases stay, {freed / 1e6:.1f} MB freed"


def _digests(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if DIGEST.fullmatch(path.name)] if folder.is_dir() else []


def _runtime(place: Place, digest: str) -> str | None:
    try:
        return read_release(place, digest).runtime
    except EdgeAslError:
        return None
