"""The points of a hand, and how many numbers the sign network is told of them.

Without NumPy: a manifest is read where none is needed.
"""

from __future__ import annotations

import itertools
import struct

from edge_asl_device.contract.tensor import Tensor

POINTS = 21
WRIST = 0
KNUCKLES = (5, 9, 13, 17)
FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
"""MediaPipe's landmarks: each finger from the wrist to its tip, the thumb first."""
BONES = tuple(bone for finger in FINGERS for bone in itertools.pairwise(finger))

POOLED = 1152
SHAPE = 2 * POINTS + POINTS * (POINTS - 1) // 2 + 2 * len(BONES) + len(BONES) * (len(BONES) - 1) // 2
DIRECTIONS = 12
TURN = DIRECTIONS + 2
FEATURES = SHAPE + TURN + POOLED

LIMIT = 6.0
"""Standardised features are clipped to ± this many standard deviations."""
SCALE: float = struct.unpack("f", struct.pack("f", LIMIT / 127))[0]
"""Of the features: the nearest number that a model file can hold."""
SIGN_INPUTS = {name: Tensor((1, length), SCALE, 0) for name, length in (("inner", TURN + POOLED), ("shape", SHAPE))}
"""The inputs of the sign network, in any order."""
