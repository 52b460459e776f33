"""How the machine itself is: power, heat and memory card, from the files in which Linux and the Raspberry Pi's firmware
say so. What a machine does not tell is None.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from msgspec import Struct

SYS = Path("/sys")
THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
"""The firmware's word, hexadecimal, as ``vcgencmd get_throttled`` prints it."""
# Its bits: what is the case now, and 16 higher what has been since the machine was switched on.
_UNDERVOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_SINCE_BOOT = 16
HOT_C = 80.0
"""From here on a Raspberry Pi slows down."""


class Board(Struct, frozen=True):
    """The machine's own troubles."""

    temperature_c: float | None = None
    """Of the processor."""
    undervoltage: bool | None = None
    """The power supply is too weak, or its cable too thin: now."""
    undervoltage_since_boot: bool | None = None
    throttled: bool | None = None
    """The processor runs slower than it could, for heat or power: now."""
    throttled_since_boot: bool | None = None
    disk_errors: int | None = None
    """What ext4 found wrong on the disk since it was last repaired; above 0 the card is dying."""

    @property
    def troubles(self) -> list[str]:
        """Each in one line, with what to do."""
        found = []
        if self.undervoltage or self.undervoltage_since_boot:
            found.append("the power supply is too weak; use the Raspberry Pi's own, with a short cable")
        hot = self.temperature_c is not None and self.temperature_c >= HOT_C
        if hot or (self.throttled_since_boot and not self.undervoltage_since_boot):
            found.append("it is slowed down by heat; give it a fan or air, or run with --max-fps 15")
        if self.disk_errors:
            found.append(f"the disk has {self.disk_errors} errors; save what is on the card and replace it")
        return found


def read_board(sys: Path = SYS) -> Board:
    """Read the files below ``sys``; never fails, never waits."""
    word = _number(sys / THROTTLED, 16)
    slow = _CAPPED | _THROTTLED | _SOFT_LIMIT
    undervoltage = None if word is None else bool(word & _UNDERVOLTAGE)
    if undervoltage is None:
        undervoltage = _alarm(sys)
    errors = [number for path in sys.glob("fs/ext4/*/errors_count") if (number := _number(path)) is not None]
    return Board(
        temperature_c=_temperature(sys),
        undervoltage=undervoltage,
        undervoltage_since_boot=None if word is None else bool(word >> _SINCE_BOOT & _UNDERVOLTAGE),
        throttled=None if word is None else bool(word & slow),
        throttled_since_boot=None if word is None else bool(word >> _SINCE_BOOT & slow),
        disk_errors=sum(errors) if errors else None,
    )


def _temperature(sys: Path) -> float | None:
    zones = {_text(zone / "type"): zone for zone in sorted(sys.glob("class/thermal/thermal_zone*"), reverse=True)}
    zone = zones.get("cpu-thermal") or zones.get("x86_pkg_temp")
    millidegrees = None if zone is None else _number(zone / "temp")
    return None if millidegrees is None else millidegrees / 1000


def _alarm(sys: Path) -> bool | None:
    """The kernel's own driver of the Raspberry Pi's voltage sensor, where the firmware's word is not shown."""
    for monitor in sys.glob("class/hwmon/hwmon*"):
        if _text(monitor / "name") == "rpi_volt":
            number = _number(monitor / "in0_lcrit_alarm")
            return None if number is None else bool(number)
    return None


def _number(path: Path, base: int = 10) -> int | None:
    with contextlib.suppress(ValueError):
        return int(_text(path) or "", base)
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
