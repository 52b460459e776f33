"""Films of a hand that spells a text: what a camera before a signer sees, with a script of what is shown when."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic import scene
from edge_asl.datasets.synthetic.motion import State, Step, Tremor, shaken, spelled
from edge_asl.datasets.synthetic.pictures import NOTHING
from edge_asl.datasets.synthetic.skeleton import to_pixels
from edge_asl.errors import DataError

SIZE = (640, 480)


class Segment(NamedTuple):
    """A stretch of a film."""

    start_s: float
    end_s: float
    sign: str | None
    """The letter or digit held (J and Z: moving); ``nothing`` while no hand is in the picture; None between signs."""


def normalise(text: str) -> str:
    """Upper case, accents off, white space as single spaces, none at the ends.

    Raises:
        DataError: nothing is left, or anything but A–Z, 0–9 and space is.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c))
    clean = " ".join(plain.split())
    strange = sorted({c for c in clean if not (c == " " or (c.isascii() and c.isalnum()))})
    if strange or not clean:
        found = " ".join(map(repr, strange)) if strange else "an empty text"
        raise DataError(f"text: expected letters A-Z, digits and spaces, found {found}; spell it out")
    return clean


def _steps(text: str, letters_per_minute: float) -> list[Step]:
    clean = normalise(text)
    # 200 a minute is faster than anybody reads fingerspelling; below 6 a letter lasts over ten seconds.
    if not 6 <= letters_per_minute <= 240:
        raise DataError(f"letters_per_minute: expected 6 to 240, found {letters_per_minute:g}; people spell 60 to 150")
    return spelled(clean, 60.0 / letters_per_minute)


def film_script(text: str, *, letters_per_minute: float = 60.0) -> list[Segment]:
    """What ``film_frames`` shows when, without gaps from 0 to the film's end; the same for every seed.

    Raises:
        DataError: as ``film_frames``.
    """
    script, at = [], 0.0
    for step in _steps(text, letters_per_minute):
        script.append(Segment(at, at + step.duration_s, step.sign))
        at += step.duration_s
    return script


def film_frames(
    text: str,
    *,
    seed: int = 0,
    fps: int = 30,
    size: tuple[int, int] = SIZE,
    letters_per_minute: float = 60.0,
) -> Iterator[NDArray[np.uint8]]:
    """Somebody spells ``text`` in the centre square, with the hand away before, between words, and after.

    Args:
        text: letters, digits and spaces.
        seed: decides person, room, light and tremor.
        fps: frames a second.
        size: width and height in pixels.
        letters_per_minute: 6 to 240; a doubled letter is released for a moment, J and Z move.

    Returns:
        Frames, RGB, uint8, (height, width, 3), one after the other.

    Raises:
        DataError: another character, nothing to spell, or a number out of range; before the first frame.
    """
    steps = _steps(text, letters_per_minute)
    width, height = size
    if fps < 1 or min(size) < 32 or width % 2 or height % 2:
        raise DataError(
            f"film: expected at least 1 frame a second and even sides of 32 pixels or more, "
            f"found {fps} and {width}×{height}; choose others"
        )
    return _frames(steps, np.random.default_rng((seed, 3)), fps, width, height)


def _frames(
    steps: list[Step], rng: np.random.Generator, fps: int, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    person, light, view = scene.random_person(rng), scene.random_light(rng), scene.random_view(rng)
    ground = scene.background(rng, height, width)
    tremor = Tremor.of(rng)
    steps = shaken(steps, rng)
    ends = np.cumsum([step.duration_s for step in steps])
    grain = scene.grain(max(height, width) + 64) * np.float32(view.noise)
    for number in range(round(float(ends[-1]) * fps)):
        time_s = number / fps
        place = min(int(np.searchsorted(ends, time_s, side="right")), len(steps) - 1)
        step = steps[place]
        share = (time_s - (ends[place] - step.duration_s)) / step.duration_s
        image = ground
        if step.sign != NOTHING:
            image = _with_hand(ground, person, tremor.applied(step.at(share), time_s), light, view)
        noise = scene.jumping_window(grain, rng, height, width)
        yield scene.expose(image, view, light, noise)


def _with_hand(
    ground: scene.Float, person: scene.Person, state: State, light: scene.Light, view: scene.View
) -> scene.Float:
    parts = scene.posed(person, state.pose)
    x, y = scene.centre(parts)
    height, width = ground.shape[:2]
    side = min(height, width)
    scale = view.scale * side
    aside = -state.x if person.left_handed else state.x
    left = width / 2 + view.shift[0] * side + (aside - x) * scale
    top = height / 2 + view.shift[1] * side - (state.y - y) * scale
    return scene.paint(ground, to_pixels(parts, scale, left, top), person, light)


def write_film(
    path: Path,
    text: str,
    *,
    seed: int = 0,
    fps: int = 30,
    size: tuple[int, int] = SIZE,
    letters_per_minute: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``film_frames`` as an .mp4 file (MPEG-4 part 2), beside and then renamed.

    Args:
        path: ends in ``.mp4``; an old file is replaced. Its folder is made.
        text: as for ``film_frames``, and so the others.
        seed: see there.
        fps: see there.
        size: see there.
        letters_per_minute: see there.
        progress: called with (frames written, frames in all).

    Returns:
        ``path``.

    Raises:
        DataError: as ``film_frames``, another suffix, or OpenCV cannot write films here.
    """
    if path.suffix.lower() != ".mp4":
        raise DataError(f"{path}: expected a name that ends in .mp4, found {path.suffix or 'no suffix'}; rename it")
    script = film_script(text, letters_per_minute=letters_per_minute)
    frames = film_frames(text, seed=seed, fps=fps, size=size, letters_per_minute=letters_per_minute)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.new.mp4")
    beside.touch()  # a folder that may not be written to says so here; OpenCV would blame the encoder
    try:
        _encode(beside, frames, fps, size, round(script[-1].end_s * fps), progress)
        _check_frames(beside, round(script[-1].end_s * fps))
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path


def _check_frames(path: Path, total: int) -> None:
    """OpenCV's writer says nothing of a full disk."""
    film = cv2.VideoCapture(str(path))
    found = int(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    film.release()
    if found != total:
        raise DataError(f"{path}: expected a film of {total} frames, found {found}; free some space")


def _encode(
    path: Path,
    frames: Iterator[NDArray[np.uint8]],
    fps: int,
    size: tuple[int, int],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    try:
        if not writer.isOpened():
            raise DataError(
                f"{path}: expected OpenCV to write MPEG-4, found no encoder; install opencv-python-headless"
            )
        for done, frame in enumerate(frames, start=1):
            writer.write(frame[:, :, ::-1])
            if progress:
                progress(done, total)
    finally:
        writer.release()
