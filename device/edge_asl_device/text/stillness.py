"""Whether a hand is still enough to be read: forming a letter, it passes through others. Pure, no clock.

A hand that trembles is still, too: it goes to and fro several times in half a second, and neither its shape nor the
middle of its way changes. One that is doubled, waves or draws turns round less often.
"""

from __future__ import annotations

import numpy as np

from edge_asl_device.text.track import Points, Track, apart, shape_of

OVER_S = 0.13
# In palms a second, all landmarks' root mean square. In 14 clips of a person who spells, a letter that is held moves by
# 0.05 to 0.6, a hand on its way or forming a letter by 1 to 13.
STILL_PER_S = 0.8
# Tremors have 4 to 12 Hz (Bhatia et al., "Consensus Statement on the classification of tremors", 2018): of the slowest,
# an average over this still takes most away …
PERIOD_S = 0.25
# … and in twice that it goes so many times as far as its ends lie apart: four times at 4 Hz. A wave of 2 Hz goes twice
# as far, as a letter that is doubled by going out and back, and one that is doubled by sliding aside once.
TO_AND_FRO = 2.8


def speed(track: Track) -> float:
    """How fast the hand moves, fingers included, in palms a second; infinite while it was not seen for long enough."""
    if track.seen_s < OVER_S / 2:
        return float("inf")
    over_s = min(OVER_S, track.seen_s)
    return apart(track.ago(0.0), track.ago(over_s)) / over_s


def is_still(track: Track) -> bool:
    """Whether the hand may be read."""
    return speed(track) <= STILL_PER_S or trembles_in_place(track)


def trembles_in_place(track: Track) -> bool:
    """Whether the hand goes to and fro about a place where it is held, and keeps its shape."""
    if track.seen_s < 2 * PERIOD_S:
        return False
    changed = apart(shape_of(track.ago(0.0)), shape_of(track.ago(OVER_S)))
    if changed > STILL_PER_S * OVER_S:
        return False
    way = track.since(track.now_s - 2 * PERIOD_S).mean(axis=1)
    before, now = np.array_split(way, 2)
    drift = float(np.linalg.norm(now.mean(axis=0) - before.mean(axis=0))) / PERIOD_S
    return drift <= STILL_PER_S and _to_and_fro(way) >= TO_AND_FRO


def _to_and_fro(way: Points) -> float:
    """How far a way (n, 2) goes along its longest direction, in distances between its ends there."""
    _, _, axes = np.linalg.svd(way - way.mean(axis=0), full_matrices=False)
    along = way @ axes[0]
    return float(np.abs(np.diff(along)).sum() / max(np.ptp(along), 1e-6))
