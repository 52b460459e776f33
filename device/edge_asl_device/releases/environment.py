"""``environment.json``: the list of a laid-out environment's files. The SHA-256 of its bytes names the environment.

The workstation sends it with the files; the device verifies every file before it runs any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge_asl_device.contract.tree import Entry, Tree, folders_of
from edge_asl_device.errors import ReleaseError, one_line

ENVIRONMENT = "environment.json"
FORMAT = 1
PYTHON_LINK = "bin/python"

# Printable ASCII without the backslash, and no part that is empty, "." or "..".
_PART = r"(?!\.{1,2}(?:/|\Z))[ -.0-\[\]-~]{1,255}"
_RELATIVE = re.compile(rf"{_PART}(?:/{_PART}){{0,30}}")
_ABSOLUTE = re.compile(rf"(?:/{_PART}){{1,30}}")
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Word = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+!-]{0,99}\Z")]

READABLE, EXECUTABLE = 0o644, 0o755


class EnvironmentFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an environment."""

    sha256: Sha256
    size: Annotated[int, Meta(ge=0, le=2**31)]
    mode: Annotated[int, Meta(ge=READABLE, le=EXECUTABLE)]
    """420 (0644) or 493 (0755)."""

    def __post_init__(self) -> None:
        if self.mode not in (READABLE, EXECUTABLE):
            raise ValueError(f"mode: expected 420 or 493, found {self.mode}")


class EnvironmentManifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Every file of an environment except ``environment.json`` and the ``.pyc`` files that the device compiles."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    python: Annotated[str, Meta(pattern=r"\A3\.[0-9]{1,3}\Z")]
    """Exactly this minor version: compiled modules fit no other."""
    platform: Word
    """Such as ``linux_aarch64``."""
    kind: Word
    """``litert`` or ``tflite``."""
    packages: Annotated[dict[Word, Word], Meta(max_length=1000)]
    """Distribution → version."""
    files: Annotated[dict[str, EnvironmentFile], Meta(max_length=100_000)]
    links: dict[str, str]
    """``bin/python`` alone, to the device's interpreter."""

    def __post_init__(self) -> None:
        if set(self.links) != {PYTHON_LINK}:
            raise ValueError(f"links: expected {PYTHON_LINK} alone, found {', '.join(sorted(self.links)) or 'none'}")
        if not _ABSOLUTE.fullmatch(self.links[PYTHON_LINK]):
            raise ValueError(f"links: expected an interpreter's absolute path, found {self.links[PYTHON_LINK]!r}")
        for name in self.files:
            _check_name(name)
        # A file below another file, or below the link, would be written through it.
        if wrong := folders_of(self.files) & {*self.files, PYTHON_LINK, ENVIRONMENT}:
            raise ValueError(f"files: other files lie below {min(wrong)}, which is not a folder")

    def encoded(self) -> bytes:
        """The bytes whose hash is the digest; equal manifests give equal bytes."""
        return msgspec.json.encode(self, order="deterministic")

    def tree(self) -> Tree:
        """What its folder must hold."""
        return Tree(entries(self.files), self.links, frozenset({ENVIRONMENT}), compiled=True)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def entries(files: Mapping[str, EnvironmentFile]) -> dict[str, Entry]:
    """The files as a tree has them."""
    return {name: Entry(file.sha256, file.size, file.mode) for name, file in files.items()}


def digest_of(data: bytes) -> str:
    """The name of the environment whose ``environment.json`` holds these bytes: 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def parse_environment(data: bytes, where: str = ENVIRONMENT) -> EnvironmentManifest:
    """Read ``environment.json``; ``where`` names it in messages.

    Raises:
        ReleaseError: it is not such a list, or names a path outside the environment's folder.
    """
    try:
        return msgspec.json.decode(data, type=EnvironmentManifest)
    except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise ReleaseError(one_line(f"{where}: {error}; deploy again")) from error


def _check_name(name: str) -> None:
    if not _RELATIVE.fullmatch(name):
        raise ValueError(f"files: expected a path below the folder, in plain ASCII and without .., found {name!r}")
    if name in (PYTHON_LINK, ENVIRONMENT):
        raise ValueError(f"files: {name} must not be listed as a file")
    # Python would run this instead of the listed source.
    if name.endswith(".pyc"):
        raise ValueError(f"files: {name} is a compiled module; the device compiles its own")
