"""Whether a hand is still enough to be read: forming a letter, it passes through others. Pure, no clock."""

from __future__ import annotations

from edge_asl_device.text.track import Track, apart

OVER_S = 0.13
# In palms a second, all landmarks' root mean square. In 14 clips of a person who spells, a letter that is held moves by
# 0.05 to 0.6, a hand on its way or forming a letter by 1 to 13.
STILL_PER_S = 0.8


def speed(track: Track) -> float:
    """How fast the hand moves, fingers included, in palms a second; infinite while it was not seen for long enough."""
    if track.seen_s < OVER_S / 2:
        return float("inf")
    over_s = min(OVER_S, track.seen_s)
    return apart(track.ago(0.0), track.ago(over_s)) / over_s


def is_still(track: Track) -> bool:
    """Whether the hand may be read."""
    return speed(track) <= STILL_PER_S
