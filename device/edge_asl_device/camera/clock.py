"""When a picture was taken, where the driver says so."""

from __future__ import annotations

import time

OLDEST_S = 5.0
"""A stamp further back comes from another clock: no driver keeps pictures that long."""


def taken(stamp_s: float, arrived_s: float) -> float:
    """The driver's stamp if it can be true, else the time of arrival.

    Some drivers stamp by the wall clock, some with the instant that was planned (a little in the future), some not
    at all (zero).

    Args:
        stamp_s: seconds, meant to be of ``time.monotonic()``.
        arrived_s: ``time.monotonic()`` when the picture was handed over.
    """
    return stamp_s if 0 <= arrived_s - stamp_s < OLDEST_S else arrived_s


def since_boot_to_monotonic(boot_s: float) -> float:
    """CLOCK_BOOTTIME, which goes on while the machine sleeps, as ``time.monotonic()``, which does not; seconds."""
    return boot_s - (time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())
