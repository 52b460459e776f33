"""Fitting other people's landmarks to what our hand stage reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.hand_points import KNUCKLES, WRIST

FARTHEST = 0.98
"""A hand that is farther from the mean of its sign than this share of our own readings is left out: some collections
hold signs that are made another way, or points that are off."""


def fitted(
    measured: NDArray[np.float32],
    labels: NDArray[np.int64],
    own: NDArray[np.float32],
    own_labels: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Measured hands as if our hand stage had read them, and which of them are near enough to be of use.

    Collections do not say which hand they show, and some hold both: each is taken as the one that is nearer to the
    mean of our readings of its sign.

    Args:
        measured: float32 (m, 21, 2), any unit.
        labels: int (m,).
        own: float32 (n, 21, 2): our readings, left hands mirrored.
        own_labels: int (n,).

    Returns:
        float32 (m, 21, 2) in lengths of the palm from the wrist, and bool (m,).
    """
    ours, theirs = in_palms(own), in_palms(measured)
    mirrored = theirs * np.array([-1, 1], np.float32)
    near = np.zeros(len(theirs), bool)
    for label in np.unique(labels):
        known, rows = ours[own_labels == label], np.flatnonzero(labels == label)
        if not len(known):
            continue
        mean = known.mean(axis=0)
        limit = np.quantile(_distance(known, mean), FARTHEST)
        plain, other = _distance(theirs[rows], mean), _distance(mirrored[rows], mean)
        theirs[rows[other < plain]] = mirrored[rows[other < plain]]
        near[rows] = np.minimum(plain, other) <= limit
    return theirs, near


def in_palms(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hands (n, 21, 2) from their wrists, in lengths of the palm."""
    points = landmarks - landmarks[:, [WRIST]]
    palm = np.linalg.norm(points[:, KNUCKLES], axis=2).max(axis=1)
    scaled: NDArray[np.float32] = points / (palm + 1e-6)[:, None, None]
    return scaled


def _distance(hands: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    distance: NDArray[np.float32] = np.linalg.norm(hands - mean, axis=2).mean(axis=1)
    return distance
