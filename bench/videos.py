"""What the letters model reads in clips of a person not seen in training.

The hand's square comes in three ways: given by hand for each clip (`squares.json`), one square for all clips as a
kiosk marks it, and the centre of the whole frame, where the hand is not.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
from common import OUT, figure, folder, run, table

MARGIN = 1.35
# As a kiosk would mark it for this camera: all hands lie in it.
MARKED = (365, 320, 340 / MARGIN)
# Rest, sign, rest: in the middle of a clip the sign is held.
HELD = (0.45, 0.7)


class Read(NamedTuple):
    """What was read in one clip with one square."""

    text: str
    right: float
    """Share of the frames in which the sign is held that name it, 0 to 1."""
    most: str
    """What most of these frames name."""


def main(recipe: str = "letters-small") -> None:
    """A row for each clip, then the totals."""
    clips = sorted((folder("EDGE_ASL_DATA") / "videos").glob("*.mp4"))
    bundle = build(recipe)
    squares = json.loads(Path(__file__).with_name("squares.json").read_text())
    found: list[dict[str, Read]] = []
    for clip in clips:
        ways = {"hand": squares[clip.stem], "marked": MARKED, "whole": None}
        found.append({way: read(bundle, clip, square) for way, square in ways.items()})
    rows = [[clip.stem, *map(cell, row.values())] for clip, row in zip(clips, found, strict=True)]
    table("clips", ["clip", "square drawn by hand", "one marked square", "whole frame"], rows)
    for way, words in (("hand", "square drawn by hand"), ("marked", "one marked square"), ("whole", "whole frame")):
        reads = [row[way] for row in found]
        exact = sum(r.text == clip.stem for r, clip in zip(reads, clips, strict=True))
        right = sum(r.right for r in reads) / len(reads)
        result = f"{exact} of {len(clips)} read, {right:.0%} of frames"
        figure(f"{recipe} on {len(clips)} clips of a stranger, {words}", result)


def cell(found: Read) -> str:
    """``UV, 100%, V``."""
    return f"{found.text or '–'}, {found.right:.0%}, {found.most}"


def build(recipe: str) -> Path:
    """The letters bundle; built once."""
    target = OUT / "models" / recipe
    alpha = "0.35" if recipe.endswith("small") else "1.0"
    run(
        "edge-asl", "build", "--data", folder("EDGE_ASL_DATA") / "letters", "--recipe", recipe, "--out", target,
        "--json", "--weights", folder("EDGE_ASL_WEIGHTS") / f"mobilenet_v2_{alpha}_224_no_top.weights.h5",
        "--calibration", OUT / "calibration_data",
    )  # fmt: skip
    return target


def read(bundle: Path, clip: Path, square: tuple[float, float, float] | None) -> Read:
    """One clip through the device's own reader, frame by frame."""
    from edge_asl_device.camera import Frame
    from edge_asl_device.contract.preprocess import Box, square_around
    from edge_asl_device.inference.loading import load
    from edge_asl_device.kiosk.reader import Reader

    reader = Reader(load(bundle))
    frames = list(_frames(clip))
    height, width = frames[0].shape[:2]
    named = []
    for number, picture in enumerate(frames):
        if square:
            x, y, side = square
            box = Box(x / width, y / height, side / width, side / height)
            picture = square_around(box, height, width, MARGIN).cut(picture)
        reader.read(Frame(number / 30, picture))
        named.append(reader.recogniser.classify(picture)[0].label)
    held = named[int(len(named) * HELD[0]) : int(len(named) * HELD[1])]
    text = reader.transcriber.text.replace(" ", "")
    return Read(text, held.count(clip.stem) / len(held), Counter(held).most_common(1)[0][0])


def _frames(clip: Path) -> Iterator:
    film = cv2.VideoCapture(str(clip))
    while True:
        delivered, bgr = film.read()
        if not delivered:
            break
        yield bgr[:, :, ::-1].copy()
    film.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
