"""The handshapes: American fingerspelling without J and Z (which move) and the ten numbers, as joint angles.

The viewer stands before a right-handed signer. Letters show the palm, except where ASL turns it: C and O open to
the viewer's right, G and H point there and show the hand's back, P and Q point down, the numbers 1 to 5 show the
back of the hand. Some pairs differ in ASL only by context: 0 is O, 6 is nearly W, 9 is F.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_asl.datasets.synthetic.skeleton import Pose

Row = tuple[float, float, float, float]
Bone = tuple[float, float]

# Fingers: spread, MCP, PIP, DIP.
FIST: Row = (0, 82, 100, 62)
STRAIGHT: Row = (0, 2, 4, 3)

# Thumbs: azimuth and elevation of metacarpal, proximal and distal bone.
ACROSS_FIST: tuple[Bone, Bone, Bone] = ((22, 46), (-42, 37), (-80, 12))
ACROSS_PALM: tuple[Bone, Bone, Bone] = ((22, 38), (-38, 18), (-72, 0))
BESIDE: tuple[Bone, Bone, Bone] = ((42, 22), (6, 22), (-4, 4))
OUT: tuple[Bone, Bone, Bone] = ((58, 12), (66, 4), (74, 0))


def _up(spread: float) -> Row:
    return (spread, *STRAIGHT[1:])


def _pose(
    fingers: Sequence[Row],
    thumb: Sequence[Bone],
    roll: float = 0,
    pitch: float = 0,
    turn: float = 0,
    forearm: float = 8,
) -> Pose:
    return Pose(np.array(fingers, float), np.array(thumb, float), np.array((roll, pitch, turn, forearm), float))


POSES: Mapping[str, Pose] = {
    "A": _pose([FIST] * 4, BESIDE),
    "B": _pose([_up(-2), _up(0), _up(1), _up(3)], ACROSS_PALM),
    "C": _pose([(2, 35, 48, 30)] * 4, ((62, 48), (40, 58), (-5, 35)), roll=58, turn=4),
    "D": _pose([_up(0), (0, 62, 62, 38), (2, 64, 62, 38), (5, 66, 62, 38)], ((39, 51), (-17, 35), (-49, 12)), roll=18),
    "E": _pose(
        [(-1, 28, 112, 52), (0, 26, 114, 52), (1, 28, 112, 52), (4, 32, 108, 50)], ((32, 38), (-52, 14), (-86, -4))
    ),
    "F": _pose([(0, 58, 62, 32), _up(2), _up(-7), _up(-16)], ((27, 19), (14, 82), (-24, 15)), roll=8),
    "G": _pose([_up(2), FIST, FIST, FIST], ((32, 45), (8, 30), (2, 6)), roll=205, turn=-85, forearm=62),
    "H": _pose([_up(-2), _up(1), FIST, FIST], ACROSS_FIST, roll=188, turn=-86, forearm=62),
    "I": _pose([FIST, FIST, FIST, _up(-6)], ACROSS_FIST),
    "K": _pose([_up(6), (-10, 28, 4, 3), FIST, FIST], ((18, 40), (-8, 24), (-22, 20)), roll=14),
    "L": _pose([_up(0), FIST, FIST, FIST], OUT),
    "M": _pose([(-2, 72, 82, 22), (0, 72, 82, 22), (2, 72, 82, 22), FIST], ((22, 40), (-65, 15), (-81, -2))),
    "N": _pose([(-2, 68, 74, 28), (0, 68, 74, 28), FIST, FIST], ((28, 30), (-52, 8), (-75, 38))),
    "O": _pose([(0, 50, 56, 36)] * 4, ((22, 37), (-3, 53), (-30, 19)), roll=52, turn=4),
    "P": _pose([_up(6), (-14, 48, 4, 3), FIST, FIST], ((40, 30), (20, 12), (4, 8)), roll=172, turn=-150, forearm=70),
    "Q": _pose([_up(2), FIST, FIST, FIST], ((32, 45), (8, 30), (2, 6)), roll=212, turn=-172, forearm=78),
    "R": _pose([(-16, 0, 6, 3), (11, 13, 6, 3), FIST, FIST], ACROSS_FIST),
    "S": _pose([FIST] * 4, ACROSS_FIST),
    "T": _pose([(12, 66, 80, 40), (-3, 82, 100, 62), FIST, FIST], ((12, 25), (-8, 24), (-20, 26))),
    "U": _pose([_up(-2), _up(1), FIST, FIST], ACROSS_FIST),
    "V": _pose([_up(12), _up(-10), FIST, FIST], ACROSS_FIST),
    "W": _pose([_up(14), _up(1), _up(-12), (0, 70, 70, 40)], ((2, 34), (-48, 27), (-69, 12))),
    "X": _pose([(0, 18, 88, 48), FIST, FIST, FIST], ((29, 42), (-22, 41), (-72, 12)), roll=38),
    "Y": _pose([FIST, FIST, FIST, _up(-18)], OUT),
    "0": _pose([(0, 50, 56, 36)] * 4, ((22, 37), (-3, 53), (-30, 19)), roll=40, turn=0),
    "1": _pose([_up(0), FIST, FIST, FIST], ACROSS_FIST, roll=180),
    "2": _pose([_up(12), _up(-10), FIST, FIST], ACROSS_FIST, roll=180),
    "3": _pose([_up(12), _up(-8), FIST, FIST], OUT, roll=180),
    "4": _pose([_up(14), _up(4), _up(-6), _up(-16)], ACROSS_PALM, roll=180),
    "5": _pose([_up(14), _up(3), _up(-8), _up(-20)], OUT, roll=180),
    "6": _pose([_up(14), _up(1), _up(-12), (4, 66, 52, 30)], ((16, 45), (-64, 15), (-78, 3))),
    "7": _pose([_up(12), _up(2), (2, 62, 56, 30), _up(-18)], ((24, 54), (-44, 32), (-55, 14))),
    "8": _pose([_up(14), (0, 60, 58, 32), _up(-6), _up(-18)], ((33, 53), (-23, 40), (-37, 16))),
    "9": _pose([(0, 58, 62, 32), _up(2), _up(-7), _up(-16)], ((27, 19), (14, 82), (-24, 15))),
}

# The shape that moves as J is I's; the one that moves as Z points like 1 with the palm to the viewer.
MOVING: Mapping[str, Pose] = {
    "J": POSES["I"],
    "Z": _pose([_up(0), FIST, FIST, FIST], ACROSS_FIST),
}

# What public data sets of ASL letters show for a space and for deleting; no part of ASL.
EDITING: Mapping[str, Pose] = {
    "space": _pose([(2, 40, 26, 14)] * 4, ((50, 20), (30, 10), (20, 6)), roll=30, turn=48),
    "del": _pose([(0, 10, 8, 5), (0, 10, 8, 5), (1, 10, 8, 5), (2, 10, 8, 5)], BESIDE, roll=110, turn=140, forearm=-14),
}

RELAXED = _pose([(4, 22, 30, 16), (1, 26, 32, 18), (-3, 30, 34, 18), (-8, 34, 34, 18)], ((38, 30), (26, 26), (16, 14)))
