"""Single pictures of signs, and folders of them in the layout that ``edge_asl.datasets`` reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic import scene
from edge_asl.datasets.synthetic.poses import POSES, RELAXED
from edge_asl.datasets.synthetic.scene import Person, View
from edge_asl.datasets.synthetic.skeleton import Pose, to_pixels
from edge_asl.errors import DataError
from edge_asl_device.files import replacing_folder

LETTERS = tuple("ABCDEFGHIKLMNOPQRSTUVWXY")
"""The 24 letters that stand still."""
DIGITS = tuple("0123456789")
NOTHING = "nothing"
SIGNS = (*LETTERS, *DIGITS, NOTHING)
"""Everything ``draw_sign`` draws."""

# Half as many pixels more on each axis give smooth edges at little cost: twice takes a fifth longer.
OVERSAMPLE = 1.5
JPEG_QUALITY = 92


def check_signs(signs: Sequence[str]) -> None:
    """Refuse what cannot be drawn.

    Raises:
        DataError: a sign that is not in ``SIGNS``.
    """
    unknown = [sign for sign in signs if sign not in SIGNS]
    if unknown:
        raise DataError(
            f"signs: expected some of {' '.join(SIGNS)}, found {', '.join(map(repr, unknown))}; "
            "J and Z move and are shown only in films"
        )


def draw_sign(sign: str, rng: np.random.Generator, size: int = 96, person: Person | None = None) -> NDArray[np.uint8]:
    """Draw one picture of a hand that shows ``sign``, or of a scene that shows none.

    Args:
        sign: one of ``SIGNS``: a letter but J and Z, a digit, or ``nothing``.
        rng: decides everything that is not given; the same state gives the same bytes.
        size: side of the picture in pixels.
        person: who signs; None: somebody new.

    Returns:
        RGB, uint8, (size, size, 3).

    Raises:
        DataError: an unknown sign.
    """
    check_signs([sign])
    person = person or scene.random_person(rng)
    ground = scene.background(rng, size, size)
    light, view = scene.random_light(rng), scene.random_view(rng)
    image = ground
    if sign != NOTHING:
        pose = POSES[sign].shaken(rng, fingers=2.2, wrist=4.5)
        image = _with_hand(ground, person, pose, light, view)
    elif rng.random() < 0.5:
        image = _with_idle_hand(ground, person, light, view, rng)
    noise = scene.jumping_window(scene.grain(size + 160), rng, size, size) * np.float32(view.noise)
    return scene.expose(image, view, light, noise)


def _with_hand(ground: scene.Float, person: Person, pose: Pose, light: scene.Light, view: View) -> scene.Float:
    parts = scene.posed(person, pose)
    x, y = scene.centre(parts)
    size = ground.shape[0] * OVERSAMPLE
    scale = view.scale * size
    left, top = (0.5 + view.shift[0]) * size - x * scale, (0.5 + view.shift[1]) * size + y * scale
    return scene.paint(ground, to_pixels(parts, scale, left, top), person, light, OVERSAMPLE)


def _with_idle_hand(
    ground: scene.Float, person: Person, light: scene.Light, view: View, rng: np.random.Generator
) -> scene.Float:
    """A hand that says nothing: let go, hanging low, or only partly come into the picture."""
    names = list(POSES)
    share = 1.0
    match int(rng.integers(3)):
        case 0:  # What the hand does between two equal letters.
            share, away = rng.uniform(0.75, 1.0), view.shift
        case 1:
            away = (rng.uniform(-0.2, 0.2), rng.uniform(0.3, 0.55))
        case _:
            share, away = rng.uniform(0.3, 1.0), (rng.uniform(-0.15, 0.15), rng.uniform(0.55, 0.75))
            if rng.random() < 0.25:
                away = (float(rng.choice((-1, 1))) * rng.uniform(0.58, 0.75), rng.uniform(-0.1, 0.3))
    pose = POSES[names[int(rng.integers(len(names)))]].mixed(RELAXED, share)
    return _with_hand(ground, person, pose.shaken(rng, fingers=6.0, wrist=10.0), light, view._replace(shift=away))


class _Shot(NamedTuple):
    file: str
    sign: str
    signer: int
    number: int


def _shots(signs: Sequence[str], count: int, people: int) -> Iterator[_Shot]:
    """Who shows what how often: ``count`` pictures a sign, dealt out evenly, the first people getting the rest."""
    for sign in dict.fromkeys(signs):
        for place in range(count):
            number, signer = divmod(place, people)
            yield _Shot(f"{sign}/p{signer:03d}_{number}.jpg", sign, signer, number)


def write_pictures(
    folder: Path,
    signs: Sequence[str],
    count: int,
    size: int = 96,
    seed: int = 0,
    people: int = 40,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``folder/<label>/<signer>_<n>.jpg`` and ``folder/signers.csv`` (``file,label,signer``).

    Every person shows every sign. A picture depends on the seed, its sign, its signer and its number alone: asking
    for more pictures or other signs leaves it as it was.

    Args:
        folder: is made; appears only when complete.
        signs: some of ``SIGNS``.
        count: pictures of each sign.
        size: side of a picture in pixels.
        seed: of everything.
        people: how many sign, but never more than ``count``.
        progress: called with (pictures written, pictures in all).

    Returns:
        ``folder``.

    Raises:
        DataError: an unknown sign, no sign, ``count`` or ``people`` below 1, or the folder is not empty.
    """
    check_signs(signs)
    if not signs or count < 1 or people < 1 or size < 16:
        raise DataError(
            f"{folder}: expected at least one sign, one picture, one person and 16 pixels, found "
            f"{len(signs)} signs, {count} pictures, {people} people, {size} pixels; ask for more"
        )
    _check_empty(folder)
    people = min(people, count)
    # Exactly one in twenty signs with the left hand: by chance it could be nobody, or all on one side of a split.
    crowd = [scene.random_person(np.random.default_rng((seed, 1, who)), who % 20 == 3) for who in range(people)]
    shots = list(_shots(signs, count, people))
    with replacing_folder(folder) as beside:
        for sign in dict.fromkeys(signs):
            (beside / sign).mkdir()
        for done, shot in enumerate(shots, start=1):
            rng = np.random.default_rng((seed, 2, SIGNS.index(shot.sign), shot.signer, shot.number))
            _write(beside / shot.file, draw_sign(shot.sign, rng, size, crowd[shot.signer]))
            if progress:
                progress(done, len(shots))
        with (beside / "signers.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("file", "label", "signer"))
            rows.writerows((shot.file, shot.sign, f"p{shot.signer:03d}") for shot in shots)
    return folder


def _check_empty(folder: Path) -> None:
    if folder.is_dir():
        found = sum(1 for _ in folder.iterdir())
        if not found:
            return
        what = f"{found} entries"
    elif folder.exists():
        what = "a file"
    else:
        return
    raise DataError(f"{folder}: expected no folder or an empty one, found {what}; remove it or name another")


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    ok, data = cv2.imencode(".jpg", picture[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    if not ok:
        raise DataError(f"{path}: expected a picture that JPEG can hold, found {picture.shape}; choose a smaller size")
    path.write_bytes(data.tobytes())
