"""One visitor after another: when somebody is there and when somebody has left. Pure: time comes with every call."""

from __future__ import annotations

WARNING_S = 20.0
"""How long before the end the page asks whether somebody is still there (WCAG 2.2.1 wants 20 s)."""
_WARNING_SHARE = 0.5
"""Of a time so short that the warning would take all of it."""


class Visits:
    """Follows who is there.

    A visit begins with a hand, a sign or a touch and ends when there has been none of these for ``after_s``.

    Args:
        after_s: seconds; 0: a visit never ends.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._warning_s = min(WARNING_S, after_s * _WARNING_SHARE)
        self._last_s: float | None = None
        self.number = 0
        """How many have begun."""

    @property
    def somebody(self) -> bool:
        """Whether a visit goes on."""
        return self._last_s is not None

    def here(self, time_s: float) -> None:
        """Somebody shows a hand or touches the screen."""
        if self._last_s is None:
            self.number += 1
        self._last_s = time_s

    def over(self, time_s: float) -> bool:
        """Whether the visit ends now; true once for each."""
        if self._last_s is None or not self._after_s or time_s - self._last_s <= self._after_s:
            return False
        self._last_s = None
        return True

    def ends_in_s(self, time_s: float) -> float | None:
        """Seconds until the visit ends, while the page should warn of it; else None."""
        if self._last_s is None or not self._after_s:
            return None
        left_s = self._after_s - (time_s - self._last_s)
        return max(0.0, left_s) if left_s <= self._warning_s else None
