"""What the letters model that ships reads in films of a person whom it has never seen, in whole frames.

Then the same films as another camera, another room or another hand would have shown them. ``python bench/videos.py
BUNDLE [VARIATION …]`` takes another bundle, or only some variations, and records nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from common import ROOT, figure, folder, table

FPS = 30
FIST = "Nothingc2.jpg"
"""The one picture of ``hand-free.txt`` that shows a hand: a fist, which the digits take for 0."""
RESTS = 15
"""Frames at the beginning of each film in which the person has not yet moved."""


Change = Callable[[np.ndarray, float], np.ndarray]
"""A frame, RGB uint8 (h, w, 3), and its time in seconds → what is shown instead."""

PLAIN = "as filmed"


def main(bundle: Path, only: list[str]) -> None:
    """A row for each clip, whose name is the letter that it shows; then how many are read exactly."""
    clips = sorted((folder("EDGE_ASL_DATA") / "videos").glob("*.mp4"))
    chosen = [name for name in VARIATIONS if name in (only or VARIATIONS)]
    read = {name: {clip.stem: written(bundle, clip, VARIATIONS[name]) for clip in clips} for name in chosen}
    rows = [[clip.stem, *(_cell(read[name][clip.stem]) for name in chosen)] for clip in clips]
    table("clips", ["clip", *chosen], rows)
    for name in chosen:
        exact = sum([label for _, label in found] == [sign] for sign, found in read[name].items())
        wrong = sum(label != sign for sign, found in read[name].items() for _, label in found)
        result = f"{exact} of {len(clips)} read, {wrong} letters written wrongly"
        must, aim = ("≥ 12", "14") if name == PLAIN else ("≥ 10", "")
        how = "whole frames, through the live program" if name == PLAIN else name
        figure(f"{len(clips)} films of a person never seen, {how}", result, must, aim)
    if not only:
        nobody(clips)


def nobody(clips: list[Path]) -> None:
    """What both models that ship write while nobody signs: people at rest, and pictures without a hand."""
    data = folder("EDGE_ASL_DATA") / "letters"
    names = [name for name in (data / "hand-free.txt").read_text(encoding="utf-8").split() if name != FIST]
    found = []
    for model in ("letters", "digits"):
        bundle = ROOT / "models" / model
        for clip in clips:
            # Before anybody raises a hand, there and back, for three seconds.
            rest = [frame for _, frame in zip(range(RESTS), frames(clip), strict=False)]
            found += read(bundle, [*rest, *rest[::-1]] * (3 * FPS // (2 * RESTS)))
        for name in names:
            found += read(bundle, [cv2.imread(str(data / "Nothing" / name))[:, :, ::-1].copy()] * (2 * FPS))
    figure(
        f"letters and digits written in {len(clips)} films of people at rest and {len(names)} pictures without a hand",
        f"{len(found)}{': ' + ', '.join(label for _, label in found) if found else ''}",
        "0",
    )


def _cell(found: list[tuple[float, str]]) -> str:
    return ", ".join(f"{label} at {when:.1f} s" for when, label in found) or "–"


def written(bundle: Path, clip: Path, change: Change) -> list[tuple[float, str]]:
    """What the device's own reader writes in one clip: seconds and label of each letter."""
    return read(bundle, (change(picture, number / FPS) for number, picture in enumerate(frames(clip))))


def read(bundle: Path, pictures: Iterable[np.ndarray]) -> list[tuple[float, str]]:
    """The same of pictures, RGB uint8 (h, w, 3), at ``FPS``."""
    from edge_asl_device.camera import Frame
    from edge_asl_device.inference.loading import load
    from edge_asl_device.kiosk.reader import Reader

    reader, found = Reader(load(bundle)), []
    for number, picture in enumerate(pictures):
        state = reader.read(Frame(number / FPS, picture)).state
        if state.accepted is not None:
            found.append((number / FPS, state.accepted))
    return found


def frames(clip: Path) -> Iterator[np.ndarray]:
    """Every picture of a film, RGB uint8 (h, w, 3)."""
    film = cv2.VideoCapture(str(clip))
    while True:
        delivered, bgr = film.read()
        if not delivered:
            break
        yield bgr[:, :, ::-1].copy()
    film.release()


def _moved(zoom: float = 1.0, degrees: float = 0.0) -> Change:
    """Larger or smaller around the middle of the upper half, where the hands are, and turned; the wall goes on."""

    def change(frame: np.ndarray, _time_s: float) -> np.ndarray:
        height, width = frame.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 3), degrees, zoom)
        return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    return change


def _dark(frame: np.ndarray, _time_s: float) -> np.ndarray:
    return (frame * 0.3).astype(np.uint8)


def _mirrored(frame: np.ndarray, _time_s: float) -> np.ndarray:
    return np.ascontiguousarray(frame[:, ::-1])


def _trembling(frame: np.ndarray, time_s: float) -> np.ndarray:
    """Everything sways at 5 Hz by 4 % of the frame's height to either side, an eighth of these hands."""
    height, width = frame.shape[:2]
    aside = 0.04 * height * np.sin(2 * np.pi * 5 * time_s)
    matrix = np.array([[1.0, 0.0, aside], [0.0, 1.0, 0.0]])
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


VARIATIONS: dict[str, Change] = {
    PLAIN: lambda frame, _time_s: frame,
    "1.5 × as large": _moved(zoom=1.5),
    "0.7 × as large": _moved(zoom=0.7),
    "tilted by 15°": _moved(degrees=15),
    "tilted by −15°": _moved(degrees=-15),
    "mirrored": _mirrored,
    "darkened to 0.3": _dark,
    "trembling at 5 Hz by 4 %": _trembling,
}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "letters", sys.argv[2:])
