"""Films of a hand that spells a text, seen from in front of the signer, with a script of what is shown when."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic import scene
from edge_asl.datasets.synthetic.motion import State, Step, Tremor, shaken, spelled
from edge_asl.datasets.synthetic.pictures import NOTHING
from edge_asl.errors import DataError
from edge_asl.progress import Advance, unwatched
from edge_asl_device.files import replacing_file

SIZE = (640, 480)


class Segment(NamedTuple):
    """A stretch of a film."""

    start_s: float
    end_s: float
    sign: str | None
    """The letter or digit held (J and Z: moving); ``nothing`` while no hand is in the picture; None between signs."""


def normalise(text: str) -> str:
    """Upper case, without accents, words separated by single spaces.

    Raises:
        DataError: nothing is left, or something other than A–Z, 0–9 and space.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c))
    clean = " ".join(plain.split())
    strange = sorted({c for c in clean if not (c == " " or (c.isascii() and c.isalnum()))})
    if not clean:
        raise DataError("text: nothing to spell; name some letters or digits")
    if strange:
        found = " ".join(map(repr, strange))
        raise DataError(f"text: expected letters A-Z, digits and spaces, found {found}; spell them out")
    return clean


def _steps(text: str, letters_per_minute: float) -> list[Step]:
    clean = normalise(text)
    # 200 a minute is faster than anybody reads fingerspelling; at 10 a letter lasts six seconds.
    if not 10 <= letters_per_minute <= 200:
        raise DataError(
            f"letters_per_minute: expected 10 to 200, found {letters_per_minute:g}; people spell at 60 to 150"
        )
    return spelled(clean, 60.0 / letters_per_minute)


def film_script(text: str, *, letters_per_minute: float = 60.0) -> list[Segment]:
    """What ``film_frames`` shows when, without gaps from 0 to the end of the film; the same for every seed.

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
    """Someone spells ``text`` in the centre square; the hand is out of view before, between words, and after.

    Between two equal letters the hand relaxes for a moment; J and Z move. ``seed`` decides person, room, light and
    tremor; ``size`` is width and height in pixels; ``letters_per_minute`` may be 10 to 200.

    Returns:
        Frames, RGB, uint8, (height, width, 3), one after the other.

    Raises:
        DataError: another character, nothing to spell, or a number out of range; raised before the first frame.
    """
    return _frames(_film(text, seed, fps, size, letters_per_minute))


def film_landmarks(
    text: str,
    *,
    seed: int = 0,
    fps: int = 30,
    size: tuple[int, int] = SIZE,
    letters_per_minute: float = 60.0,
) -> Iterator[scene.Float | None]:
    """Where the wrist and the joints are in each of ``film_frames``; arguments and errors as there.

    Returns:
        float32 (21, 2), pixels, in the order of ``skeleton.hand_landmarks``; None while the hand is away.
    """
    film = _film(text, seed, fps, size, letters_per_minute)
    for state in film.states:
        yield (
            None
            if state is None
            else scene.landmarks(film.person, state.pose, film.view, film.height, film.width, film.offset(state))
        )


class _Film(NamedTuple):
    """What a seed decides."""

    person: scene.Person
    light: scene.Light
    view: scene.View
    ground: scene.Float
    states: list[State | None]
    """The hand in each frame; None while it is away."""
    rng: np.random.Generator
    """For the noise of the frames."""

    @property
    def height(self) -> int:
        return self.ground.shape[0]

    @property
    def width(self) -> int:
        return self.ground.shape[1]

    def offset(self, state: State) -> tuple[float, float]:
        """Palms to the right and down."""
        return (-state.x if self.person.left_handed else state.x), -state.y


def _film(text: str, seed: int, fps: int, size: tuple[int, int], letters_per_minute: float) -> _Film:
    steps = _steps(text, letters_per_minute)
    width, height = size
    if fps < 1 or min(size) < 32 or width % 2 or height % 2:
        raise DataError(
            f"film: expected at least 1 frame a second and even sides of 32 pixels or more, "
            f"found {fps} and {width}×{height}"
        )
    rng = np.random.default_rng((seed, 3))
    person, light, view = scene.random_person(rng), scene.random_light(rng), scene.random_view(rng)
    ground = scene.background(rng, height, width)
    tremor = Tremor.of(rng)
    return _Film(person, light, view, ground, _states(shaken(steps, rng), tremor, fps), rng)


def _states(steps: list[Step], tremor: Tremor, fps: int) -> list[State | None]:
    ends = np.cumsum([step.duration_s for step in steps])
    states: list[State | None] = []
    for number in range(round(float(ends[-1]) * fps)):
        time_s = number / fps
        index = min(int(np.searchsorted(ends, time_s, side="right")), len(steps) - 1)
        step = steps[index]
        share = (time_s - (ends[index] - step.duration_s)) / step.duration_s
        states.append(None if step.sign == NOTHING else tremor.applied(step.at(share), time_s))
    return states


def _frames(film: _Film) -> Iterator[NDArray[np.uint8]]:
    grain = scene.grain(max(film.height, film.width) + 64) * np.float32(film.view.noise)
    for state in film.states:
        image = film.ground
        if state is not None:
            image = scene.with_hand(
                film.ground, film.person, state.pose, film.light, film.view, offset=film.offset(state)
            )
        noise = scene.random_window(grain, film.rng, film.height, film.width)
        yield scene.expose(image, film.view, film.light, noise)


def write_film(
    path: Path,
    text: str,
    *,
    seed: int = 0,
    fps: int = 30,
    size: tuple[int, int] = SIZE,
    letters_per_minute: float = 60.0,
    advance: Advance = unwatched,
) -> Path:
    """Write ``film_frames`` as an .mp4 file (MPEG-4 part 2), completely or not at all; an old file is replaced.

    Raises:
        DataError: as ``film_frames``, another suffix, or OpenCV cannot write films on this machine.
    """
    if path.suffix.lower() != ".mp4":
        raise DataError(f"{path}: expected a name that ends in .mp4, found {path.suffix or 'no suffix'}; rename it")
    total = round(film_script(text, letters_per_minute=letters_per_minute)[-1].end_s * fps)
    frames = film_frames(text, seed=seed, fps=fps, size=size, letters_per_minute=letters_per_minute)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as beside:
        beside.touch()  # fails here if the folder is not writable; OpenCV would blame the encoder
        _encode(beside, frames, fps, size, total, advance)
        _check_frames(beside, total)
    return path


def _check_frames(path: Path, total: int) -> None:
    """OpenCV's writer does not report a full disk."""
    film = cv2.VideoCapture(str(path))
    found = int(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    film.release()
    if found != total:
        raise DataError(f"{path}: expected a film of {total} frames, found {found}; free some space")


def _encode(
    path: Path, frames: Iterator[NDArray[np.uint8]], fps: int, size: tuple[int, int], total: int, advance: Advance
) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    try:
        if not writer.isOpened():
            raise DataError(f"{path}: OpenCV has no MPEG-4 encoder here; install opencv-python-headless")
        for done, frame in enumerate(frames, start=1):
            writer.write(frame[:, :, ::-1])
            advance(done, total=total)
    finally:
        writer.release()
