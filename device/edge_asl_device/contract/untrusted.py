"""Reading what has not been verified yet: every byte, name and kind of file may be hostile."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NoReturn

import msgspec

from edge_asl_device.errors import NOT_SHOWN, BundleError, EdgeAslError, FileError

_SAFE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""O_NONBLOCK: opening a pipe that nobody writes to would wait for ever; on a regular file it changes nothing."""


def open_regular(path: Path, folder: int | None = None) -> BufferedReader:
    """Open a regular file for reading; no link is followed, no pipe waited for.

    Args:
        path: of the file.
        folder: descriptor of the folder that it lies in, if that is open; error messages name ``path`` regardless.

    Raises:
        FileError: it is no such file.
    """
    # Judged by the descriptor, so that nobody can exchange the file between the check and its use.
    try:
        descriptor = os.open(path if folder is None else path.name, _SAFE | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        found = "a link" if error.errno == errno.ELOOP else error.strerror
        raise FileError(f"{path}: expected a regular file, found {found}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError(f"{path}: expected a regular file, found a folder, pipe or device")
    return os.fdopen(descriptor, "rb")


def open_folder(path: Path, folder: int | None = None) -> int:
    """The descriptor of a folder, to be closed; inside an open ``folder`` no link is followed.

    Raises:
        FileError: it is no folder.
    """
    flags = _SAFE | os.O_DIRECTORY
    try:
        return os.open(path, flags) if folder is None else os.open(path.name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        found = "a link or a file" if error.errno in (errno.ENOTDIR, errno.ELOOP) else error.strerror
        raise FileError(f"{path}: expected a folder, found {found}") from error


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes. No link is followed, no pipe waited for.

    Raises:
        FileError: it is no such file, or longer.
    """
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise FileError(f"{path}: larger than {most} bytes")
    return data


@contextlib.contextmanager
def file_errors_as(kind: type[EdgeAslError], advice: str) -> Iterator[None]:
    """Raise ``kind`` for a ``FileError``, with what to do about it."""
    try:
        yield
    except FileError as error:
        advice = f"{error.advice}, or {advice}" if error.advice else advice
        raise kind(f"{error}; {advice}") from error


def decode_json(data: bytes, name: str, most: int) -> object:
    """Decode JSON of at most ``most`` bytes; ``name`` (its path) appears in error messages.

    Raises:
        BundleError: not JSON or nested too deeply, a repeated key, NaN or infinity, text with control characters, lone
            surrogates or bytes that are not UTF-8.
    """
    if len(data) > most:
        raise BundleError(f"{name}: larger than {most} bytes")
    try:
        # msgspec refuses NaN, infinity and lone surrogates; only the standard library shows repeated keys.
        found: object = msgspec.json.decode(data)
        json.loads(data, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name}: not JSON ({error}); copy or build the bundle again") from error
    for text in _texts(found):
        if NOT_SHOWN.search(text):
            raise BundleError(
                f"{name}: expected text of one line, found control characters in {brief(text)!r}; "
                "build the bundle again"
            )
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {brief(key)!r} appears twice")
        found[key] = value
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _texts(found: object) -> Iterator[str]:
    """Every string in decoded JSON, keys too, however deep."""
    rest = [found]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            rest.extend((*value.keys(), *value.values()))
        elif isinstance(value, list):
            rest.extend(value)


def brief(text: str) -> str:
    """At most the first 200 characters, for quoting."""
    return text if len(text) <= 200 else f"{text[:200]}…"
