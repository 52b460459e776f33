"""From wheels to site-packages: wheels picked by pin, platform and hash; files that no kiosk uses are left out."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from edge_asl.deploy.environment.platforms import Choice
from edge_asl.errors import PlatformError

# Matched against paths below site-packages. A third of the bytes and half of the files of LiteRT's for aarch64.
UNUSED = re.compile(
    r"""
      .+/tests/.+                           # 7 MB of numpy's own
    | .+\.(pyi|pxd|h|hpp|a|lib)             # for compilers and editors
    | numpy/(f2py|distutils)/.+             # they run compilers
    | cv2/data/.+\.xml                      # 10 MB of face detectors
    | ai_edge_litert/(aot|tools|vendors)/.+ # compilers for phones
    | ai_edge_litert/libLiteRtWebGpu.+      # 17 MB; only CompiledModel opens it, for a GPU; Interpreter never does
    | [^/]+\.dist-info/RECORD               # it lists what is left out here, too; environment.json lists what is there
    """,
    re.VERBOSE,
)


class Pin(NamedTuple):
    """One package of a file of pins."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


class Member(NamedTuple):
    """One file of a wheel that goes to site-packages."""

    path: str
    """Below site-packages."""
    content: bytes
    executable: bool


def read_pins(text: str) -> list[Pin]:
    """The packages in a file as ``uv pip compile --generate-hashes`` writes it."""
    entries = re.findall(r"^([^\s=#]+)==(\S+) \\\n((?:\s+--hash=\S+(?: \\)?\n?)+)", text, re.MULTILINE)
    return [
        Pin(canonicalize_name(name), version, frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", hashes)))
        for name, version, hashes in entries
    ]


def pick(choice: Choice, pins: list[Pin], folder: Path) -> list[Path]:
    """The wheel in ``folder`` that pip would take for each pin; extra files do not matter.

    Raises:
        PlatformError: some are missing; the message names them.
    """
    ranks = {tag: rank for rank, tag in enumerate(_tags(choice))}
    best: dict[tuple[str, str], tuple[int, Path]] = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, tags = _parsed(path)
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None:
            best[name, version] = min(best.get((name, version), (rank, path)), (rank, path))
    missing = [str(pin) for pin in pins if (pin.name, pin.version) not in best]
    if missing:
        raise PlatformError(
            f"{folder}: no wheels for Python {choice.python} on {choice.platform} of {', '.join(missing)}; "
            "download them on a machine with internet: edge-asl wheelhouse"
        )
    return [best[pin.name, pin.version][1] for pin in pins]


def verified(path: Path, pin: Pin) -> bytes:
    """A wheel's bytes, if their hash is pinned: what is checked is what is unpacked.

    Raises:
        PlatformError: it is not.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found not in pin.hashes:
        raise PlatformError(
            f"{path}: expected one of the sha256 that are pinned for {pin}, found {found[:12]}…; "
            "delete it and download it again"
        )
    return content


def members(wheel: bytes) -> Iterator[Member]:
    """What site-packages gets of a wheel, without scripts and headers. The pinned hash vouches for the names."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as file:
        for entry in file.infolist():
            path = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", entry.filename)
            if not entry.is_dir() and not re.match(r"[^/]+\.data/", path) and not UNUSED.fullmatch(path):
                yield Member(path, file.read(entry), bool(entry.external_attr >> 16 & 0o111))


def _tags(choice: Choice) -> Iterator[Tag]:
    version = tuple(int(part) for part in choice.python.split("."))
    interpreter = "cp" + "".join(map(str, version))
    yield from cpython_tags(version, [interpreter], choice.tags)
    yield from compatible_tags(version, interpreter, choice.tags)


def _parsed(path: Path) -> tuple[str, str, frozenset[Tag]]:
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise PlatformError(f"{path}: not a wheel's name ({error}); delete the file") from error
    return name, str(version), tags
