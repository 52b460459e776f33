"""The synthetic signer: the same seed gives the same bytes, labels are true, films show what their script says."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl.datasets.synthetic import scene
from edge_asl.datasets.synthetic.film import Segment, film_frames, film_script, write_film
from edge_asl.datasets.synthetic.pictures import DIGITS, LETTERS, SIGNS, draw_sign, write_pictures
from edge_asl.datasets.synthetic.poses import POSES
from edge_asl.datasets.synthetic.scene import random_person
from edge_asl.datasets.synthetic.skeleton import hand_cones, to_pixels
from edge_asl.errors import DataError
from edge_asl.progress import Advance
from edge_asl_device.contract.pictures import read_picture


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "signers.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def recorded(seen: list[tuple[int, int | None]]) -> Advance:
    """Progress that is written down."""
    return lambda done, note="", total=None: seen.append((done, total))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# Pictures


def test_signs_are_the_still_letters_the_digits_and_nothing():
    assert "".join(LETTERS) == "ABCDEFGHIKLMNOPQRSTUVWXY"
    assert "".join(DIGITS) == "0123456789"
    assert (*LETTERS, *DIGITS, "nothing") == SIGNS


@pytest.mark.parametrize("sign", SIGNS)
def test_a_seed_decides_every_byte(sign: str):
    picture = draw_sign(sign, rng(1))
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, draw_sign(sign, rng(1)))
    assert not np.array_equal(picture, draw_sign(sign, rng(2)))


@pytest.mark.parametrize("size", [32, 97, 224])
def test_any_size(size: int):
    assert draw_sign("A", rng(0), size).shape == (size, size, 3)


def test_signs_differ_in_the_hand_alone():
    person = random_person(rng(0))
    drawn = [draw_sign(sign, rng(5), person=person) for sign in LETTERS]
    for number, one in enumerate(drawn):
        for other in drawn[number + 1 :]:
            # By more than noise: even M and N, the closest pair, differ in a finger and a thumb.
            apart = np.abs(one.astype(int) - other).max(axis=2) > 20
            assert apart.mean() > 0.02


def test_a_left_hand_is_a_mirrored_right_hand():
    for pose in POSES.values():
        right, left = hand_cones(pose), hand_cones(pose, mirrored=True)
        assert np.allclose(left.start * (-1, 1, 1), right.start)
        assert np.allclose(left.end * (-1, 1, 1), right.end)


def test_a_left_handed_person_draws_the_mirrored_picture():
    ground = np.full((96, 96, 3), 128, np.float32)
    light = scene.Light((0.0, 0.0, 1.0), 0.5, (1.0, 1.0, 1.0))
    person = random_person(rng(3), left_handed=False)

    def drawn(left_handed: bool) -> np.ndarray:
        hand = scene.posed(person._replace(left_handed=left_handed), POSES["L"])
        # Pixel centres lie at whole numbers: the mirror stands at 47.5.
        return scene.paint(ground, to_pixels(hand, 35, 47.5, 80), person, light)

    right, left = drawn(False), drawn(True)
    assert not np.allclose(right, left, atol=1)
    assert np.abs(right - left[:, ::-1]).mean() < 0.1


def test_an_unknown_sign_names_the_known_ones():
    for sign in ("J", "Z", "a", "hello"):
        with pytest.raises(DataError, match=r"expected some of A B C .*nothing, found '" + sign):
            draw_sign(sign, rng(0))


# Folders of pictures


def test_a_folder_says_truly_who_shows_what(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    folder = write_pictures(
        tmp_path / "data",
        ["A", "5", "nothing"],
        7,
        size=64,
        people=3,
        advance=recorded(seen),
    )
    assert seen == [(n, 21) for n in range(1, 22)]
    listed = rows(folder)
    assert {row["file"] for row in listed} | {"signers.csv"} == set(contents(folder))
    for row in listed:
        label, name = row["file"].split("/")
        assert label == row["label"]
        assert name.startswith(row["signer"] + "_")
        assert read_picture(folder / row["file"]).shape == (64, 64, 3)
    shown = {(row["signer"], row["label"]) for row in listed}
    assert shown == {(f"p00{who}", label) for who in range(3) for label in ("A", "5", "nothing")}
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is left beside it"


def test_every_person_shows_every_sign_even_when_pictures_are_few(tmp_path: Path):
    listed = rows(write_pictures(tmp_path / "data", LETTERS, 2))
    assert {(r["signer"], r["label"]) for r in listed} == {(w, s) for w in ("p000", "p001") for s in LETTERS}


def test_a_folder_is_the_same_for_the_same_seed(tmp_path: Path):
    one = contents(write_pictures(tmp_path / "1", ["B", "C"], 4, people=2, seed=9))
    assert one == contents(write_pictures(tmp_path / "2", ["B", "C"], 4, people=2, seed=9))
    other = contents(write_pictures(tmp_path / "3", ["B", "C"], 4, people=2, seed=10))
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one if name.endswith(".jpg"))


def test_a_picture_stays_when_others_are_added(tmp_path: Path):
    few = contents(write_pictures(tmp_path / "few", ["C"], 4, people=2))
    many = contents(write_pictures(tmp_path / "many", ["B", "C"], 6, people=2))
    assert all(many[name] == data for name, data in few.items() if name.endswith(".jpg"))


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match=r"the folder is not empty; remove it"):
        write_pictures(tmp_path, ["A"], 1)
    with pytest.raises(DataError, match=r"precious\.txt: a file is in the way; remove it"):
        write_pictures(tmp_path / "precious.txt", ["A"], 1)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_an_empty_folder_is_taken(tmp_path: Path):
    (tmp_path / "data").mkdir()
    assert rows(write_pictures(tmp_path / "data", ["A"], 1))


@pytest.mark.parametrize(("signs", "count", "people"), [([], 1, 1), (["A"], 0, 1), (["A"], 1, 0), (["J"], 1, 1)])
def test_what_cannot_be_written_is_refused_before_anything_is(
    tmp_path: Path, signs: list[str], count: int, people: int
):
    with pytest.raises(DataError, match="expected"):
        write_pictures(tmp_path / "data", signs, count, people=people)
    assert not list(tmp_path.iterdir())


# Films

FPS, SIZE = 10, (160, 120)


def filmed(text: str, seed: int = 0, lpm: float = 60) -> tuple[list[np.ndarray], list[Segment]]:
    frames = list(film_frames(text, seed=seed, fps=FPS, size=SIZE, letters_per_minute=lpm))
    return frames, film_script(text, letters_per_minute=lpm)


def during(frames: list[np.ndarray], segment: Segment) -> list[np.ndarray]:
    return [f for n, f in enumerate(frames) if segment.start_s <= n / FPS < segment.end_s]


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that differ by more than the sensor's noise (sigma at most 5) explains."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 40).mean())


def test_a_script_has_no_gaps_and_the_letters_in_order():
    script = film_script("Hello  jz 5")
    assert [s.sign for s in script if s.sign not in (None, "nothing")] == list("HELLOJZ5")
    assert script[0].start_s == 0
    assert all(one.end_s == other.start_s for one, other in pairwise(script))
    assert next(s.sign for s in script if s.sign) == "nothing"
    assert [s.sign for s in script].count("nothing") == 4, "before, twice between words, after"
    assert script[-1].sign == "nothing"


def test_the_pace_is_kept():
    for lpm in (30, 60, 120):
        script = film_script("HAND", letters_per_minute=lpm)
        starts = [s.start_s for s in script if s.sign and s.sign != "nothing"]
        assert np.allclose(np.diff(starts), 60 / lpm)


def test_frames_repeat_for_a_seed_and_differ_for_another():
    one, script = filmed("AB")
    assert len(one) == round(script[-1].end_s * FPS)
    assert all(f.shape == (120, 160, 3) and f.dtype == np.uint8 for f in one)
    again, _ = filmed("AB")
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    other, _ = filmed("AB", seed=1)
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_the_hand_is_there_when_the_script_says_so(seed: int):
    frames, script = filmed("GO TO", seed)
    empty = frames[0]
    for segment in script:
        shown = [apart(frame, empty) for frame in during(frames, segment)]
        if segment.sign == "nothing":
            assert max(shown) < 0.002
        elif segment.sign:
            assert min(shown) > 0.03


def test_a_doubled_letter_is_let_go_between():
    frames, script = filmed("LL", lpm=30)
    first, between, second = script[2:5]
    assert (first.sign, between.sign, second.sign) == ("L", None, "L")
    held = during(frames, first)[3]
    loose = max(apart(frame, held) for frame in during(frames, between))
    drift = max(apart(frame, held) for frame in during(frames, first))
    assert loose > 2 * drift


@pytest.mark.parametrize("letter", ["J", "Z"])
def test_j_and_z_move_while_others_hold_still(letter: str):
    def farthest(text: str) -> float:
        frames, script = filmed(text)
        shown = during(frames, next(s for s in script if s.sign == text))
        return max(apart(frame, shown[0]) for frame in shown)

    assert farthest(letter) > 3 * farthest("I")


def test_a_written_film_plays_back(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    path = write_film(tmp_path / "new" / "film.mp4", "i", fps=15, advance=recorded(seen))
    total = round(film_script("i")[-1].end_s * 15)
    assert seen[-1] == (total, total)
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 15
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (640, 480)
    expected = film_frames("i", fps=15)
    count = 0
    while (read := film.read())[0]:
        # Compression loses detail, not colour order or time.
        assert np.abs(read[1][:, :, ::-1].astype(int) - next(expected)).mean() < 8
        count += 1
    film.release()
    assert count == total
    assert [p.name for p in path.parent.iterdir()] == ["film.mp4"]


def test_accents_and_case_are_forgiven():
    assert film_script("  été ") == film_script("ETE")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "text: nothing to spell"),
        ("   ", "text: nothing to spell"),
        ("A-B", "expected letters A-Z, digits and spaces, found '-'; spell"),
        ("ß!", "expected letters A-Z, digits and spaces, found '!'; spell"),
        ("你好", "expected letters A-Z, digits and spaces, found '你' '好'; spell"),
    ],
)
def test_what_cannot_be_spelled_is_refused(tmp_path: Path, text: str, words: str):
    with pytest.raises(DataError, match=words):
        film_frames(text)
    with pytest.raises(DataError, match=words):
        write_film(tmp_path / "film.mp4", text)
    assert not list(tmp_path.iterdir())


def test_odd_sizes_paces_and_names_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="letters_per_minute: expected 10 to 200, found 1000"):
        film_frames("A", letters_per_minute=1000)
    with pytest.raises(DataError, match=r"even sides .* found 30 and 641×480"):
        film_frames("A", size=(641, 480))
    with pytest.raises(DataError, match=r"expected a name that ends in \.mp4, found \.avi"):
        write_film(tmp_path / "film.avi", "A")
