"""``python -m edge_asl_device.systemd [UNIT]``: print a unit, or the paths of all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge_asl_device.systemd import FOLDER, UNITS, unit


def main(arguments: Sequence[str]) -> int:
    """Print the unit, or one path per line; the exit status."""
    if not arguments:
        sys.stdout.write("".join(f"{FOLDER / name}\n" for name in UNITS))
        return 0
    if len(arguments) > 1 or arguments[0] not in UNITS:
        sys.stderr.write(f"edge_asl_device.systemd: expected one of {', '.join(UNITS)}, found {' '.join(arguments)}\n")
        return 1
    sys.stdout.write(unit(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
