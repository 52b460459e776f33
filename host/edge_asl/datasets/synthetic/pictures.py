"""Single pictures of signs, and folders of them in a layout that ``edge_asl.datasets`` reads."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.signers import SIGNERS
from edge_asl.datasets.synthetic import scene
from edge_asl.datasets.synthetic.poses import POSES, RELAXED
from edge_asl.datasets.synthetic.scene import Person, View
from edge_asl.errors import DataError
from edge_asl.progress import Advance, unwatched
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.files import replacing_folder

LETTERS = tuple("ABCDEFGHIKLMNOPQRSTUVWXY")
"""The 24 letters signed without motion."""
DIGITS = tuple("0123456789")
NOTHING = "nothing"
SIGNS = (*LETTERS, *DIGITS, NOTHING)
"""Everything ``draw_sign`` draws."""

# Half as many pixels again on each axis give smooth edges at little cost; twice as many take a fifth longer.
OVERSAMPLE = 1.5
JPEG_QUALITY = 92
JPEG_SIDE = 65_500  # libjpeg's limit


def parse_signs(text: str) -> list[str]:
    """``letters`` and ``digits`` (each with the empty scene), ``all``, or signs joined by commas, in upper case.

    Unknown signs are left for ``write_pictures`` to refuse.
    """
    groups = {"letters": [*LETTERS, NOTHING], "digits": [*DIGITS, NOTHING], "all": list(SIGNS)}
    named = [word.strip() for word in text.split(",") if word.strip()]
    return groups.get(text.strip().lower()) or [NOTHING if w.lower() == NOTHING else w.upper() for w in named]


def check_signs(signs: Sequence[str]) -> None:
    """Refuse what cannot be drawn.

    Raises:
        DataError: a sign that is not in ``SIGNS``.
    """
    unknown = [sign for sign in signs if sign not in SIGNS]
    if unknown:
        raise DataError(
            f"signs: expected some of {' '.join(SIGNS)}, found {', '.join(map(repr, unknown))}; "
            "J and Z move, so only films show them"
        )


def draw_sign(sign: str, rng: np.random.Generator, size: int = 96, person: Person | None = None) -> NDArray[np.uint8]:
    """Draw one picture of a hand showing ``sign``, or of a scene without a sign.

    ``rng`` decides everything else, without a ``person`` also who signs; the same state gives the same bytes.

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
        image = scene.with_hand(ground, person, pose, light, view, oversample=OVERSAMPLE)
    elif rng.random() < 0.5:
        image = _with_idle_hand(ground, person, light, view, rng)
    noise = scene.random_window(scene.grain(size + 160), rng, size, size) * np.float32(view.noise)
    return scene.expose(image, view, light, noise)


def _with_idle_hand(
    ground: scene.Float, person: Person, light: scene.Light, view: View, rng: np.random.Generator
) -> scene.Float:
    """A hand that signs nothing: relaxed, hanging low, or only partly in the picture."""
    names = list(POSES)
    share = 1.0
    match int(rng.integers(3)):
        case 0:  # as between two equal letters
            share, away = rng.uniform(0.75, 1.0), view.shift
        case 1:
            away = (rng.uniform(-0.2, 0.2), rng.uniform(0.3, 0.55))
        case _:
            share, away = rng.uniform(0.3, 1.0), (rng.uniform(-0.15, 0.15), rng.uniform(0.55, 0.75))
            if rng.random() < 0.25:
                away = (float(rng.choice((-1, 1))) * rng.uniform(0.58, 0.75), rng.uniform(-0.1, 0.3))
    pose = POSES[names[int(rng.integers(len(names)))]].mixed(RELAXED, share).shaken(rng, fingers=6.0, wrist=10.0)
    return scene.with_hand(ground, person, pose, light, view._replace(shift=away), oversample=OVERSAMPLE)


class _Shot(NamedTuple):
    file: str
    sign: str
    signer: int
    number: int


def _shots(signs: Sequence[str], count: int, people: int) -> Iterator[_Shot]:
    """``count`` pictures of each sign, shared evenly among the people; the first ones take the remainder."""
    for sign in dict.fromkeys(signs):
        for index in range(count):
            number, signer = divmod(index, people)
            yield _Shot(f"{sign}/p{signer:03d}_{number}.jpg", sign, signer, number)


def write_pictures(
    folder: Path,
    signs: Sequence[str],
    count: int,
    size: int = 96,
    seed: int = 0,
    people: int = 40,
    advance: Advance = unwatched,
) -> Path:
    """Write ``folder/<label>/<signer>_<n>.jpg`` and ``folder/signers.csv``; every person shows every sign.

    A picture depends only on the seed, its sign, its signer and its number, not on how many others there are.
    ``count`` pictures of each sign, ``size`` pixels wide and high, are shared among at most as many people. The folder
    appears only when complete.

    Raises:
        DataError: an unknown sign, no sign, ``count`` or ``people`` below 1, or the folder is not empty.
    """
    check_signs(signs)
    _check_counts(folder, len(signs), count, people, size)
    _check_empty(folder)
    people = min(people, count)
    # Exactly one in twenty is left-handed: by chance it could be nobody, or all in one part of a split.
    signers = [scene.random_person(np.random.default_rng((seed, 1, who)), who % 20 == 3) for who in range(people)]
    shots = list(_shots(signs, count, people))
    with replacing_folder(folder) as new:
        for sign in dict.fromkeys(signs):
            (new / sign).mkdir()
        for done, shot in enumerate(shots, start=1):
            rng = np.random.default_rng((seed, 2, SIGNS.index(shot.sign), shot.signer, shot.number))
            drawn = draw_sign(shot.sign, rng, size, signers[shot.signer])
            (new / shot.file).write_bytes(encode_jpeg(drawn, JPEG_QUALITY))
            advance(done, total=len(shots))
        _write_signers(new / SIGNERS, shots)
    return folder


def _check_counts(folder: Path, signs: int, count: int, people: int, size: int) -> None:
    if min(signs, count, people) < 1 or not 16 <= size <= JPEG_SIDE:
        raise DataError(
            f"{folder}: expected at least one sign, one picture, one person and 16 to {JPEG_SIDE} pixels, found "
            f"{signs} signs, {count} pictures, {people} people, {size} pixels"
        )


def _write_signers(path: Path, shots: Sequence[_Shot]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("file", "label", "signer"))
        rows.writerows((shot.file, shot.sign, f"p{shot.signer:03d}") for shot in shots)


def _check_empty(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        problem = "a file is in the way" if folder.is_file() else "the folder is not empty"
        raise DataError(f"{folder}: {problem}; remove it or name another")
