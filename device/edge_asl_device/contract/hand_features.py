"""From a hand to the numbers that the sign network takes: its shape, and what the landmark model saw of it inside.

Training and device come through here. Arrays of n hands in, arrays of n rows out.

The shape's numbers are those of a trial with strangers (docs/training.md): positions, distances and directions together
read people who are not in the training pictures better than the raw positions; depth (MediaPipe's z) reads them worse.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.hand_points import BONES, DIRECTIONS, KNUCKLES, LIMIT, POINTS, SHAPE, WRIST

Number = TypeVar("Number", bound=np.generic)

_SHARPNESS = 4.0
_PAIRS = np.triu_indices(POINTS, 1)
_BONE_PAIRS = np.triu_indices(len(BONES), 1)
_STARTS, _ENDS = (np.array(ends) for ends in zip(*BONES, strict=True))


def shape_features(landmarks: NDArray[np.float32], mirrored: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The shape of n hands, whatever their place and size, the turn of the hand included (G is a Q that points aside).

    Args:
        landmarks: float32 (n, 21, 2), x to the right and y down, any unit.
        mirrored: bool (n,): left hands, which are read as right ones.

    Returns:
        float32 (n, ``SHAPE``): positions from the wrist in lengths of the palm, the distances of all pairs, the
        directions of the bones, the cosines between all pairs of these.
    """
    points = landmarks - landmarks[:, [WRIST]]
    points[mirrored, :, 0] *= -1
    palm = np.linalg.norm(points[:, KNUCKLES], axis=2).max(axis=1)
    points /= (palm + 1e-6)[:, None, None]
    distances = np.linalg.norm(points[:, _PAIRS[0]] - points[:, _PAIRS[1]], axis=2)
    bones = points[:, _ENDS] - points[:, _STARTS]
    bones /= np.linalg.norm(bones, axis=2, keepdims=True) + 1e-6
    cosines = (bones @ bones.transpose(0, 2, 1))[:, _BONE_PAIRS[0], _BONE_PAIRS[1]]
    n = len(landmarks)
    return np.concatenate([points.reshape(n, 2 * POINTS), distances, bones.reshape(n, 2 * len(BONES)), cosines], axis=1)


def inner_features(angle: NDArray[np.float32], pooled: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the landmark model saw inside, with the turn of the region that it saw and cannot know.

    Args:
        angle: float32 (n,), radians, of the (mirrored) region. Two numbers among a thousand are overlooked, so it is
            given as twelve directions too, each the nearer to 1 the nearer it is (a von Mises kernel).
        pooled: float32 (n, ``POOLED``), 0 and more but for rounding; square roots tame its long tail.

    Returns:
        float32 (n, ``TURN + POOLED``).
    """
    directions = np.arange(DIRECTIONS, dtype=np.float32) * np.float32(2 * np.pi / DIRECTIONS)
    near = np.exp(_SHARPNESS * (np.cos(angle[:, None] - directions) - 1))
    turn = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return np.concatenate([near, turn, np.sqrt(np.maximum(pooled, 0))], axis=1, dtype=np.float32)


def standardised(features: NDArray[np.float32], scaling: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (n, k) less the first row of ``scaling`` (2, k), divided by the second, clipped to ± ``LIMIT``."""
    scaled: NDArray[np.float32] = np.clip((features - scaling[0]) / scaling[1], -LIMIT, LIMIT)
    return scaled


def parts_of(features: NDArray[Number]) -> dict[str, NDArray[Number]]:
    """Features (n, ``FEATURES``) as the inputs of the sign network, by the names of ``SIGN_INPUTS``."""
    return {"inner": features[:, SHAPE:], "shape": features[:, :SHAPE]}


def to_tensor(features: NDArray[np.float32]) -> NDArray[np.int8]:
    """Standardised features (n, k) to int8 (n, k), as the sign network takes them."""
    tensor: NDArray[np.int8] = np.rint(features * np.float32(127 / LIMIT)).astype(np.int8)
    return tensor
