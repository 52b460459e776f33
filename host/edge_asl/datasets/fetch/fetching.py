"""``edge-asl data fetch``: a public data set by name, complete and as published, or not at all."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from edge_asl.datasets.beside import kept_beside, put_in_place
from edge_asl.datasets.fetch.archive import UselessArchive, unpack
from edge_asl.datasets.fetch.commit import fetch_commit
from edge_asl.datasets.fetch.download import download, shown
from edge_asl.datasets.fetch.kaggle import fetch_from_kaggle
from edge_asl.datasets.fetch.public_sets import PublicSet, public_set
from edge_asl.datasets.fetch.record import FetchRecord, check_unchanged, read_record, write_record, write_sums
from edge_asl.datasets.readers import list_dataset
from edge_asl.errors import DataError
from edge_asl.progress import Progress
from edge_asl_device.files import sha256_of

LIMIT_S = 60.0


class FetchRequest(NamedTuple):
    """What the user asked for."""

    name: str
    out: Path
    sets: Path | None = None
    """A table of the user's own, whose sets are known besides."""
    mirror: str | None = None
    """Instead of the set's own address: a Git repository, or the address or path of a zip archive."""
    sha256: str | None = None
    """What the archive must hash to; None: what it does is written down."""
    limit_s: float = LIMIT_S
    """How long nothing may arrive."""


def fetch(request: FetchRequest, progress: Progress) -> FetchRecord:
    """Bring a public data set to ``request.out``, or check that it is there unchanged.

    Everything is received in a folder beside ``out`` that an interrupted run leaves and the next one continues, and is
    renamed when it is whole.

    Raises:
        DataError: it cannot be fetched, or is not what the table or ``sha256`` say; ``out`` is then as it was.
        ToolMissing: ``git`` or ``kagglehub`` is not installed.
    """
    chosen = public_set(request.name, request.sets)
    kind = _kind(request, chosen)
    if (there := _there(request.out, chosen)) is not None:
        check_unchanged(request.out, there)
        progress.say(f"{request.out}: all there and unchanged since {there.fetched}")
        return there
    progress.say(f"{chosen.name}: {chosen.about}\n  licence: {chosen.licence}, {chosen.licence_url}")
    progress.say(f"  from {shown(request.mirror or chosen.url)}")
    with kept_beside(request.out) as part:
        tree = part / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        archive_sha256 = _bring(request, chosen, kind, part, progress)
        record = _record(request, chosen, tree, archive_sha256, progress)
        put_in_place(tree, request.out)
    return record


def _kind(request: FetchRequest, chosen: PublicSet) -> str:
    """How ``mirror`` is read."""
    mirror = request.mirror
    is_archive = mirror is not None and urlsplit(mirror).path.lower().endswith(".zip")
    if request.sha256 is not None and not (is_archive and re.fullmatch("[0-9a-f]{64}", request.sha256)):
        raise DataError("--sha256: expected 64 hexadecimal digits, and --from with a .zip archive that they belong to")
    if mirror is None:
        return chosen.kind
    if is_archive:
        return "archive" if re.match("https?://", mirror) else "file"
    if chosen.kind != "git":
        raise DataError(f"{shown(mirror)}: expected the address or path of a .zip archive for {chosen.name}")
    return "git"


def _there(out: Path, chosen: PublicSet) -> FetchRecord | None:
    """What lies at ``out`` already; None: nothing."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    found = read_record(out) if out.is_dir() else None
    if found is None or found.name != chosen.name:
        what = f"{found.name}" if found else "other files" if out.is_dir() else "a file"
        raise DataError(f"{out}: expected nothing or {chosen.name}, found {what}; choose another --out")
    if found.version != chosen.version:
        raise DataError(
            f"{out}: holds version {found.version[:12]} of {chosen.name}, and version {chosen.version[:12]} is wanted; "
            "choose another --out, or move the folder away"
        )
    return found


def _bring(request: FetchRequest, chosen: PublicSet, kind: str, part: Path, progress: Progress) -> str | None:
    """Fill ``part/tree``; gives the archive's SHA-256 if it came in one."""
    tree = part / "tree"
    address = request.mirror or chosen.url
    if kind == "git":
        fetch_commit(chosen, address, part / "repository", tree, request.limit_s, progress)
        return None
    if kind == "kaggle":
        fetch_from_kaggle(chosen, tree)
        return None
    archive = Path(address) if kind == "file" else part / "archive.zip"
    if kind == "archive":
        download(address, archive, request.limit_s, progress)
    found = _checked(archive, request, kind)
    try:
        unpack(chosen, archive, tree, shown(address), progress)
    except UselessArchive:
        if kind == "archive":
            archive.unlink()
        raise
    return found


def _checked(archive: Path, request: FetchRequest, kind: str) -> str:
    if not archive.is_file():
        raise DataError(f"{archive}: no such file; check the path")
    found = sha256_of(archive)
    if request.sha256 not in (None, found):
        if kind == "archive":
            archive.unlink()
        raise DataError(
            f"{shown(str(request.mirror))}: expected sha256 {request.sha256}, found {found}; check both, or try again"
        )
    return found


def _record(
    request: FetchRequest, chosen: PublicSet, tree: Path, archive_sha256: str | None, progress: Progress
) -> FetchRecord:
    """Count and write down what was fetched.

    A commit and a checksum that the user gave prove that everything is there; of anything else only the number of
    pictures can be known before.
    """
    digest = write_sums(tree)
    pictures = len(list_dataset(tree, chosen.layout).pictures)
    if pictures != chosen.pictures:
        what = f"expected {chosen.pictures:,} pictures of {chosen.name}, found {pictures:,}"
        if archive_sha256 is not None and request.sha256 is None:
            where = shown(str(request.mirror))
            raise DataError(f"{where}: {what}; if that is what it should hold, add --sha256 {archive_sha256}")
        progress.say(f"warning: {what}")
    record = FetchRecord(
        name=chosen.name,
        url=chosen.url,
        fetched_from=shown(request.mirror or chosen.url),
        version=chosen.version,
        licence=chosen.licence,
        licence_url=chosen.licence_url,
        layout=chosen.layout,
        pictures=pictures,
        archive_sha256=archive_sha256,
        digest=digest,
        fetched=datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z"),
    )
    write_record(tree, record)
    return record
