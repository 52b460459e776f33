"""How ``--serial`` and ``--max-fail`` are typed."""

from __future__ import annotations

import re

from edge_asl.errors import DeviceError


def parse_serial(text: str) -> list[str]:
    """``1,25%,100%`` as Ansible takes it.

    Raises:
        DeviceError: not numbers or percentages above 0.
    """
    waves = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"0*[1-9]\d{0,5}|0*([1-9]\d?|100)%", wave) for wave in waves):
        raise DeviceError(f"--serial: expected sizes of waves such as 1,25%,100%, found {text!r}")
    return waves


def parse_max_fail(text: str) -> float:
    """``10%`` as a number.

    Raises:
        DeviceError: not a percentage.
    """
    if not re.fullmatch(r"\d{1,3}(\.\d+)?%?", text) or not 0 <= (found := float(text.rstrip("%"))) <= 100:
        raise DeviceError(f"--max-fail: expected a percentage such as 10%, found {text!r}")
    return found
