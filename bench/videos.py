"""What the letters model that ships reads in films of a person whom it has never seen, in whole frames.

``python bench/videos.py BUNDLE`` takes another bundle and records nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
from common import ROOT, figure, folder, table

FPS = 30


def main(bundle: Path) -> None:
    """A row for each clip, whose name is the letter that it shows, then the total."""
    clips = sorted((folder("EDGE_ASL_DATA") / "videos").glob("*.mp4"))
    read = {clip.stem: written(bundle, clip) for clip in clips}
    cells = {sign: ", ".join(f"{label} at {when:.1f} s" for when, label in found) for sign, found in read.items()}
    rows = [[sign, cell or "–"] for sign, cell in cells.items()]
    table("clips", ["clip", "written"], rows)
    exact = sum([label for _, label in found] == [sign] for sign, found in read.items())
    wrong = sum(label != sign for sign, found in read.items() for _, label in found)
    result = f"{exact} of {len(clips)} read, {wrong} letters written wrongly"
    figure(f"{len(clips)} films of a person never seen, whole frames, through the live program", result, "≥ 12", "14")


def written(bundle: Path, clip: Path) -> list[tuple[float, str]]:
    """What the device's own reader writes in one clip: seconds and label of each letter."""
    from edge_asl_device.camera import Frame
    from edge_asl_device.inference.loading import load
    from edge_asl_device.kiosk.reader import Reader

    reader, found = Reader(load(bundle)), []
    for number, picture in enumerate(_frames(clip)):
        state = reader.read(Frame(number / FPS, picture)).state
        if state.accepted is not None:
            found.append((number / FPS, state.accepted))
    return found


def _frames(clip: Path) -> Iterator:
    film = cv2.VideoCapture(str(clip))
    while True:
        delivered, bgr = film.read()
        if not delivered:
            break
        yield bgr[:, :, ::-1].copy()
    film.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "letters")
