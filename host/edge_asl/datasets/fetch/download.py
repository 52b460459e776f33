"""One file over HTTP; what was received is kept beside, and a broken download continues where it stopped."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_asl import __version__
from edge_asl.datasets.disk_space import require_space
from edge_asl.errors import DataError
from edge_asl.progress import Progress
from edge_asl_device.files import write_atomically

_CHUNK = 1 << 20
_MEGABYTE = 1_000_000
_PARTIAL, _NOT_SATISFIABLE = 206, 416


class _State(msgspec.Struct, frozen=True):
    """What the kept bytes are the beginning of."""

    url: str
    mark: str | None
    """The server's ETag or date of change; None: it gives none, and nothing can be continued."""
    total: int | None


class _Shorter(Exception):  # noqa: N818 - named after what happened
    """The file at the server is shorter than what is kept."""


class _Answer(NamedTuple):
    """What the server is about to send."""

    offset: int
    """Where in the file it begins."""
    state: _State


def download(url: str, target: Path, limit_s: float, progress: Progress) -> None:
    """Bring ``url`` to ``target``; kept bytes of the same file are continued, those of another are not.

    Args:
        url: ``http`` or ``https``.
        target: the file; ``target.state`` beside it says what it is the beginning of.
        limit_s: how long nothing may arrive.
        progress: shows megabytes.

    Raises:
        DataError: it cannot be fetched, or breaks off: the same call then continues.
    """
    beside = target.with_name(f"{target.name}.state")
    try:
        _download(url, target, beside, limit_s, progress)
    except _Shorter:
        beside.unlink()
        _download(url, target, beside, limit_s, progress)


def _download(url: str, target: Path, beside: Path, limit_s: float, progress: Progress) -> None:
    known = _known(beside, url) if target.exists() else None
    have = target.stat().st_size if known else 0
    if known and have == known.total:
        return
    try:
        with urllib.request.urlopen(_request(url, known, have), timeout=limit_s) as response:  # noqa: S310 - checked
            answer = _read_head(response, url, have)
            write_atomically(beside, msgspec.json.encode(answer.state))
            _receive(response, target, answer, progress)
    except urllib.error.HTTPError as error:
        if error.code == _NOT_SATISFIABLE and have:
            raise _Shorter from error
        raise DataError(f"{shown(url)}: the server says {error.code} {error.reason}; check the address") from error
    except (OSError, http.client.HTTPException) as error:
        raise _stopped(url, _why(error, limit_s)) from error
    size, total = target.stat().st_size, answer.state.total
    if total is not None and size != total:
        raise _stopped(url, f"broke off after {size:,} of {total:,} bytes")


def shown(url: str) -> str:
    """An address without the password in it."""
    return re.sub(r"://[^/\s@]+@", "://", url)


def _why(error: OSError | http.client.HTTPException, limit_s: float) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"nothing arrived for {limit_s:g} s"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)


def _stopped(url: str, why: str) -> DataError:
    return DataError(f"{shown(url)}: {why}; check the network and run the same command to continue")


def _known(beside: Path, url: str) -> _State | None:
    try:
        state = msgspec.json.decode(beside.read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError):
        return None
    return state if state.url == url and state.mark else None


def _request(url: str, known: _State | None, have: int) -> urllib.request.Request:
    headers = {"User-Agent": f"edge-asl/{__version__}", "Accept-Encoding": "identity"}
    if known and known.mark and have:
        # If the file has changed since, the server sends all of the new one.
        headers |= {"Range": f"bytes={have}-", "If-Range": known.mark}
    return urllib.request.Request(url, headers=headers)  # noqa: S310 - checked


def _read_head(response: http.client.HTTPResponse, url: str, have: int) -> _Answer:
    etag = response.headers.get("ETag")
    # A weak one does not promise the same bytes.
    mark = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    length = response.headers.get("Content-Length")
    if response.status != _PARTIAL:
        return _Answer(0, _State(url, mark, int(length) if length else None))
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range") or "")
    if match is None or int(match[1]) != have:
        found = response.headers.get("Content-Range")
        raise DataError(f"{shown(url)}: expected bytes from {have}, found {found!r}; remove what is kept, or try later")
    return _Answer(have, _State(url, mark, int(match[2])))


def _receive(response: http.client.HTTPResponse, target: Path, answer: _Answer, progress: Progress) -> None:
    total = answer.state.total
    if total is not None:
        require_space(target.parent, total - answer.offset, "the download", "free some space or choose another --out")
    if answer.offset:
        progress.say(f"  continuing after {answer.offset / _MEGABYTE:.0f} MB from an earlier run")
    with (
        target.open("r+b" if answer.offset else "wb") as file,
        progress.task("MB received", (total or 0) // _MEGABYTE) as advance,
    ):
        file.seek(answer.offset)
        while part := response.read1(_CHUNK):
            file.write(part)
            advance(file.tell() // _MEGABYTE)
        file.truncate()
