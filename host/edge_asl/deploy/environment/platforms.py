"""Which TensorFlow Lite runtime a device gets: a table and a pure function. What is not in the table is refused."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

from edge_asl.errors import PlatformError

AUTO, LITERT, TFLITE = "auto", "litert", "tflite"
KINDS = (LITERT, TFLITE)
INTERPRETER = "/usr/bin/python3"
"""Debian's own, which sees Debian's picamera2."""

NUMPY_1 = "numpy 1 and OpenCV 4.11, as Debian's picamera2 for Python 3.11 was built for numpy 1"


class Row(NamedTuple):
    """One file of pins, and the glibc that its wheels need on each machine.

    The figures are what the libraries need, not what their wheels' names say: ai-edge-litert's aarch64 wheel is named
    for 2.27 and needs 2.34, tflite-runtime's the other way round. tests/deploy/environment/test_layout.py checks them.
    """

    kind: str
    python: str
    glibc: dict[str, tuple[int, int]]
    notes: tuple[str, ...] = ()

    @property
    def pins(self) -> str:
        """Name of the file in ``pins/``."""
        return f"{self.kind}-py{self.python.replace('.', '')}.txt"


TABLE = (
    # Raspberry Pi OS and Debian Bookworm; the first row that fits is taken
    Row(LITERT, "3.11", {"aarch64": (2, 34), "x86_64": (2, 27)}, (NUMPY_1,)),
    Row(TFLITE, "3.11", {"aarch64": (2, 27), "x86_64": (2, 29)}, (NUMPY_1,)),
    # Ubuntu 24.04
    Row(LITERT, "3.12", {"aarch64": (2, 34), "x86_64": (2, 28)}),
    # Raspberry Pi OS and Debian Trixie
    Row(LITERT, "3.13", {"aarch64": (2, 34), "x86_64": (2, 28)}),
)
MACHINES = ("aarch64", "x86_64")
PYTHONS = tuple(dict.fromkeys(row.python for row in TABLE))


class Platform(NamedTuple):
    """What the choice depends on, as read from a device."""

    distribution: str
    """``ID`` of /etc/os-release: ``debian``, ``raspbian``, ``ubuntu``."""
    codename: str
    """``VERSION_CODENAME``: ``bookworm``, ``trixie``; empty if there is none."""
    machine: str
    """The kernel's: ``aarch64`` even under a 32-bit system."""
    bits: int
    """Of the interpreter, which is what counts: 32 or 64."""
    python: str
    """``3.11``"""
    glibc: str
    """``2.36``; empty if it is another C library."""
    interpreter: str = INTERPRETER
    """Absolute path of the Python that this was read from."""

    def __str__(self) -> str:
        system = " ".join(filter(None, (self.distribution, self.codename))) or "unknown system"
        return f"{system}, {self.machine}, {self.bits} bits, Python {self.python}"


class Choice(NamedTuple):
    """What to fetch and lay out for a platform."""

    kind: str
    """``litert`` or ``tflite``."""
    python: str
    machine: str
    interpreter: str
    pins: str
    """Name of the file in ``pins/``."""
    notes: tuple[str, ...] = ()
    """For the plan."""

    @property
    def platform(self) -> str:
        """As ``environment.json`` names it: ``linux_aarch64``."""
        return f"linux_{self.machine}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Platform tags of the wheels, best first: the same for every device, so that all get the same files.

        2.36 is Bookworm's glibc; what the wheels really need is in ``TABLE``.
        """
        return (
            *(f"manylinux_2_{minor}_{self.machine}" for minor in range(36, 16, -1)),
            f"manylinux2014_{self.machine}",
        )

    def pins_text(self) -> str:
        """The pinned packages: names, versions, hashes of their wheels."""
        return (resources.files("edge_asl.deploy.environment") / "pins" / self.pins).read_text(encoding="utf-8")


def choose(platform: Platform, kind: str = AUTO) -> Choice:
    """The environment for a platform; ``auto`` means LiteRT.

    Raises:
        PlatformError: there is none, or none of this kind.
    """
    if kind not in (AUTO, *KINDS):
        raise PlatformError(f"runtime: expected {AUTO}, {' or '.join(KINDS)}, found {kind!r}")
    expected, remedy = _mismatch(platform)
    if expected:
        raise PlatformError(f"{platform}: expected {expected}; {remedy}")
    rows = [row for row in TABLE if row.python == platform.python]
    wanted = [row for row in rows if kind in (AUTO, row.kind)]
    if not wanted:
        raise PlatformError(
            f"{platform}: expected Python {_listed(r.python for r in TABLE if r.kind == kind)} for {kind}, "
            f"found {platform.python}; use --runtime {rows[0].kind}"
        )
    row = wanted[0]
    _refuse_old_glibc(platform, row, rows)
    return Choice(row.kind, row.python, platform.machine, platform.interpreter, row.pins, row.notes)


def _mismatch(platform: Platform) -> tuple[str, str]:
    """(What was expected and found, what to do); empty if the system is supported."""
    if platform.bits != 64:
        return _about_32_bits(platform)
    if platform.machine not in MACHINES:
        return f"{' or '.join(MACHINES)}, found {platform.machine}", "no TensorFlow Lite runtime is published for it"
    if not platform.glibc:
        return (
            "a system with glibc, found another C library",
            "use Raspberry Pi OS or Debian; no runtime is published for Alpine's musl",
        )
    if platform.python not in PYTHONS:
        return (
            f"Python {_listed(PYTHONS)}, found {platform.python}",
            "use Raspberry Pi OS Bookworm (3.11) or Trixie (3.13)",
        )
    return "", ""


def _about_32_bits(platform: Platform) -> tuple[str, str]:
    # PyPI has an armv7l wheel of tflite-runtime (up to Python 3.11), but none of numpy, OpenCV or msgspec in any
    # version. piwheels.org builds its own, whose hashes cannot be pinned here.
    kernel = " under a 64-bit kernel" if platform.machine in MACHINES else ""
    remedy = "install the 64-bit Raspberry Pi OS, which runs on a Pi 3, 4, 5 and Zero 2 W"
    if platform.python == "3.11":
        return (
            f"a 64-bit system, found a 32-bit one{kernel}",
            f'{remedy}, or install by hand from piwheels.org: docs/operations.md, "Install"',
        )
    return f"a 64-bit system, found a 32-bit one{kernel}, for which no TensorFlow Lite runtime exists", remedy


def _refuse_old_glibc(platform: Platform, row: Row, rows: list[Row]) -> None:
    found, least = _version(platform.glibc), row.glibc[platform.machine]
    if found >= least:
        return
    others = [other.kind for other in rows if found >= other.glibc[platform.machine]]
    remedy = f"use --runtime {others[0]}, or " if others else ""
    raise PlatformError(
        f"{platform}: expected glibc {least[0]}.{least[1]} or later for {row.kind}, found {platform.glibc}; "
        f"{remedy}use Raspberry Pi OS Bookworm or later"
    )


def _version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    try:
        return int(major), int(rest.partition(".")[0] or 0)
    except ValueError as error:
        raise PlatformError(f"glibc: expected a version such as 2.36, found {text!r}; report this") from error


def _listed(items: Iterable[str]) -> str:
    *most, last = dict.fromkeys(items)
    return f"{', '.join(most)} or {last}" if most else str(last)


RELEASES = {"bookworm": ("3.11", "2.36"), "trixie": ("3.13", "2.41")}
"""Debian's and Raspberry Pi OS's: Python, glibc."""


def debian(codename: str, machine: str) -> Platform:
    """The platform of a Debian or Raspberry Pi OS, 64-bit, without connecting to a device."""
    if codename not in RELEASES:
        raise PlatformError(f"system: expected {' or '.join(RELEASES)}, found {codename!r}")
    python, glibc = RELEASES[codename]
    return Platform("debian", codename, machine, 64, python, glibc)
