"""The token that browsers of other machines must present, from a file."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from edge_asl_device.contract.untrusted import open_regular
from edge_asl_device.errors import EdgeAslError, FileError

TOKEN_PATTERN = "[A-Za-z0-9._~-]{16,}"  # noqa: S105 - a pattern
"""What needs no quoting in an address; shorter ones can be tried out."""
MOST_BYTES = 1000


def read_token(path: Path) -> str:
    """The token in a file that only its owner, or a group, can read.

    Raises:
        EdgeAslError: no such regular file, larger than ``MOST_BYTES``, readable by everybody, or not ASCII.
    """
    try:
        with open_regular(path) as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(MOST_BYTES + 1)
    except (FileError, OSError) as error:
        raise EdgeAslError(f"{path}: no token can be read from it: {error}") from error
    if mode & stat.S_IROTH:
        raise EdgeAslError(f"{path}: everybody on this machine can read the token; chmod o= {path}")
    if len(data) > MOST_BYTES or not data.isascii():
        found = f"more than {MOST_BYTES} bytes" if len(data) > MOST_BYTES else "other characters than ASCII"
        raise EdgeAslError(f"{path}: no token can be read from it: it holds {found}")
    return data.decode().strip()


def checked_token(token: str, where: str) -> str:
    """The token, if it is one.

    Raises:
        EdgeAslError: too short, or with other characters.
    """
    if not re.fullmatch(TOKEN_PATTERN, token):
        raise EdgeAslError(
            f"{where}: expected a token of 16 or more letters, digits, - . _ or ~, found {len(token)} characters; "
            "choose another"
        )
    return token
