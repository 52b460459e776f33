"""Near-duplicate pictures, found among 100,000 without comparing every pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DISTANCE = 4
"""How many of the 64 bits of two pictures' perceptual hashes may differ in near-duplicates."""

_Hashes = NDArray[np.uint64]

# Four differing bits leave one of five bands untouched: near-duplicates share a bucket there.
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
_CELLS = 1 << 20  # comparisons at a time: 8 MB for each intermediate array


def near_duplicates(left: _Hashes, right: _Hashes) -> NDArray[np.int64]:
    """For each hash of ``right`` (m,) the index of one in ``left`` (n,) within ``DISTANCE`` bits, or −1.

    Of several, the nearest in the first band that has one.
    """
    kinds, first = np.unique(left, return_index=True)
    wanted, back = np.unique(right, return_inverse=True)
    found = np.full(len(wanted), -1, np.int64)
    for shift, width in _BANDS:
        open_ = np.flatnonzero(found < 0)
        found[open_] = _in_band(kinds, wanted[open_], np.uint64(shift), np.uint64((1 << width) - 1))
    return np.where(found >= 0, first[found], -1)[back] if len(kinds) else found[back]


def _in_band(kinds: _Hashes, wanted: _Hashes, shift: np.uint64, mask: np.uint64) -> NDArray[np.int64]:
    """Compare only within buckets of equal bits: index into ``kinds`` or −1 for each of ``wanted``."""
    keys = (kinds >> shift) & mask
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    asked = (wanted >> shift) & mask
    found = np.full(len(wanted), -1, np.int64)
    by_key = np.argsort(asked, kind="stable")
    for members in np.split(by_key, np.flatnonzero(np.diff(asked[by_key])) + 1):
        if not len(members):
            continue
        start, end = np.searchsorted(keys, asked[members[0]] + np.array([0, 1], np.uint64), "left")
        if start < end:
            found[members] = _nearest(kinds, order[start:end], wanted[members])
    return found


def _nearest(kinds: _Hashes, bucket: NDArray[np.int64], wanted: _Hashes) -> NDArray[np.int64]:
    found = np.full(len(wanted), -1, np.int64)
    step = max(1, _CELLS // len(bucket))
    for start in range(0, len(wanted), step):
        bits = _ones(wanted[start : start + step, np.newaxis] ^ kinds[bucket][np.newaxis])
        best = bits.argmin(axis=1)
        near = bits[np.arange(len(bits)), best] <= DISTANCE
        found[start : start + step] = np.where(near, bucket[best], -1)
    return found


def _ones(x: _Hashes) -> NDArray[np.uint8]:
    """Set bits of each uint64: pairs, nibbles, bytes, then one multiplication adds them (numpy 1 has no count).

    Source: H. S. Warren, Hacker's Delight, 2nd edition, figure 5-2.
    """
    u = np.uint64
    x = x - ((x >> u(1)) & u(0x5555555555555555))
    x = (x & u(0x3333333333333333)) + ((x >> u(2)) & u(0x3333333333333333))
    x = (x + (x >> u(4))) & u(0x0F0F0F0F0F0F0F0F)
    return ((x * u(0x0101010101010101)) >> u(56)).astype(np.uint8)
