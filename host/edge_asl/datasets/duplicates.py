"""Near-duplicate pictures, found among 100,000 without comparing every pair."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

DISTANCE = 4
"""How many of the 64 bits of two pictures' perceptual hashes may differ in near-duplicates."""

_Hashes = NDArray[np.uint64]
_Indices = NDArray[np.int64]

# Four differing bits leave two of six bands untouched: near-duplicates share the bucket of these two.
_BANDS = DISTANCE + 2
_PAIRS = 1 << 20  # comparisons at a time: 8 MB for each intermediate array


def near_duplicates(left: _Hashes, right: _Hashes) -> _Indices:
    """For each hash of ``right`` (m,) the index of one in ``left`` (n,) within ``DISTANCE`` bits, or −1.

    Of several, the nearest that shares the first two bands in which there is one.
    """
    kinds, first = np.unique(left, return_index=True)
    wanted, back = np.unique(right, return_inverse=True)
    found = np.full(len(wanted), -1, np.int64)
    if not len(kinds):
        return found[back]
    bands = _bands(kinds)
    for pair in combinations(bands, 2):
        bits = np.concatenate(pair)
        open_ = np.flatnonzero(found < 0)
        found[open_] = _in_buckets(kinds, _keys(kinds, bits), wanted[open_], _keys(wanted[open_], bits))
    return np.where(found >= 0, first[found], -1)[back]


def _bands(hashes: _Hashes) -> list[NDArray[np.uint64]]:
    """The 64 bits dealt to the bands, those first that split the pictures most evenly.

    In pictures of one kind many bits are almost always the same; a band of only such bits would hold everybody.
    """
    share = np.array([((hashes >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(64)])
    telling = np.argsort(np.abs(share - 0.5), kind="stable").astype(np.uint64)
    return [telling[band::_BANDS] for band in range(_BANDS)]


def _keys(hashes: _Hashes, bits: NDArray[np.uint64]) -> _Hashes:
    """The chosen bits of each hash as one number."""
    keys = np.zeros(len(hashes), np.uint64)
    for bit in bits:
        keys = (keys << np.uint64(1)) | ((hashes >> bit) & np.uint64(1))
    return keys


def _in_buckets(kinds: _Hashes, keys: _Hashes, wanted: _Hashes, asked: _Hashes) -> _Indices:
    """Compare only hashes of equal keys: index into ``kinds`` or −1 for each of ``wanted``."""
    order = np.argsort(keys, kind="stable")
    begins = np.searchsorted(keys[order], asked, "left")
    counts = np.searchsorted(keys[order], asked, "right") - begins
    found = np.full(len(wanted), -1, np.int64)
    for start, end in _chunks(counts):
        rows = np.repeat(np.arange(start, end), counts[start:end])
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts[start:end]) - counts[start:end], counts[start:end])
        candidates = order[begins[rows] + within]
        bits = _ones(wanted[rows] ^ kinds[candidates])
        near = np.flatnonzero(bits <= DISTANCE)
        # The last assignment of a row stays: its nearest.
        near = near[np.argsort(-bits[near].astype(np.int64), kind="stable")]
        found[rows[near]] = candidates[near]
    return found


def _chunks(counts: _Indices) -> Iterator[tuple[int, int]]:
    """Runs of rows with about ``_PAIRS`` comparisons each, at least one row."""
    total = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = int(total[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + _PAIRS, "right")))
        yield start, end
        start = end


def _ones(x: _Hashes) -> NDArray[np.uint8]:
    """Set bits of each uint64: pairs, nibbles, bytes, then one multiplication adds them (numpy 1 has no count).

    Source: H. S. Warren, Hacker's Delight, 2nd edition, figure 5-2.
    """
    u = np.uint64
    x = x - ((x >> u(1)) & u(0x5555555555555555))
    x = (x & u(0x3333333333333333)) + ((x >> u(2)) & u(0x3333333333333333))
    x = (x + (x >> u(4))) & u(0x0F0F0F0F0F0F0F0F)
    return ((x * u(0x0101010101010101)) >> u(56)).astype(np.uint8)
