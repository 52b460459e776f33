"""Films as phones and screen recorders write them: turned, mirrored, with a rate that varies.

Real MP4 files whose boxes are changed: what a player reads, not what an encoder would make of it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.camera.orientation import Turn, turn_of
from edge_asl_device.camera.recordings import HELD_S, Video

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
ONE = 1 << 16
SIZE = (64, 48)
FPS = 30


def marked() -> NDArray[np.uint8]:
    """A picture whose corners differ: red, green, blue and white; RGB (48, 64, 3)."""
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    corners = {(0, 0): (255, 0, 0), (0, 1): (0, 255, 0), (1, 0): (0, 0, 255), (1, 1): (255, 255, 255)}
    for (down, right), colour in corners.items():
        picture[24 * down : 24 * down + 24, 32 * right : 32 * right + 32] = colour
    return picture


def film(path: Path, stored: NDArray[np.uint8], frames: int = 4) -> Path:
    height, width = stored.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for _ in range(frames):
        writer.write(stored[:, :, ::-1])
    writer.release()
    return path


def patched(path: Path, kind: bytes, change: tuple[int, bytes]) -> Path:
    """Overwrite bytes in the first box of a kind; the offset counts from its content."""
    data = bytearray(path.read_bytes())
    at = data.index(kind) + 4 + change[0]
    data[at : at + len(change[1])] = change[1]
    path.write_bytes(data)
    return path


def turned(path: Path, a: int, b: int, c: int, d: int) -> Path:
    return patched(path, b"tkhd", (40, struct.pack(">5i", a * ONE, b * ONE, 0, c * ONE, d * ONE)))


def read(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    with Video(path) as video:
        return [(frame.time_s, frame.picture) for frame in video.frames()]


@contextlib.contextmanager
def cv2_capture(path: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(path))
    yield capture
    capture.release()


TURNS = {
    "upright": (1, 0, 0, 1),
    "90": (0, 1, -1, 0),
    "180": (-1, 0, 0, -1),
    "270": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down, mirrored": (1, 0, 0, -1),
    "90, mirrored": (0, 1, 1, 0),
    "270, mirrored": (0, -1, -1, 0),
}


@pytest.mark.parametrize("matrix", TURNS.values(), ids=TURNS)
def test_the_whole_films_matrix_counts_too(tmp_path: Path, matrix: tuple[int, int, int, int]):
    """As if the track's own header said it; and the track's turn comes first."""
    a, b, c, d = matrix
    whole = struct.pack(">5i", a * ONE, b * ONE, 0, c * ONE, d * ONE)
    wanted = read(turned(film(tmp_path / "track.mp4", marked()), *matrix))[0][1]
    found = read(patched(film(tmp_path / "movie.mp4", marked()), b"mvhd", (36, whole)))[0][1]
    np.testing.assert_array_equal(found, wanted)

    both = turned(patched(film(tmp_path / "both.mp4", marked()), b"mvhd", (36, whole)), *TURNS["90"])
    with cv2_capture(both) as capture:
        track, movie = np.array(TURNS["90"]).reshape(2, 2), np.array(matrix).reshape(2, 2)
        assert turn_of(both, capture) == Turn.matrix(*(track @ movie).flatten().tolist())


@pytest.mark.parametrize("matrix", TURNS.values(), ids=TURNS)
def test_frames_are_upright_however_they_are_stored(tmp_path: Path, matrix: tuple[int, int, int, int]):
    """Stored so that the container's matrix makes the marked picture of it: an inverse by indices, not by OpenCV."""
    wanted = marked()
    a, b, c, d = matrix
    height, width = wanted.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = (a * columns + b * rows, c * columns + d * rows)  # the inverse of such a matrix is its transpose
    stored = np.zeros((int(np.ptp(y)) + 1, int(np.ptp(x)) + 1, 3), np.uint8)
    stored[y - y.min(), x - x.min()] = wanted
    (_, shown), *_ = read(turned(film(tmp_path / "film.mp4", stored), *matrix))

    assert shown.shape == wanted.shape
    assert np.abs(shown.astype(int) - wanted).mean() < 12


def test_a_phones_film_as_opencv_itself_would_turn_it():
    path = Path(os.environ["EDGE_ASL_DATA"]) / "strange" / "rot.mp4"
    capture = cv2.VideoCapture(str(path))
    assert capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    expected = capture.read()[1]
    (_, shown), *_ = read(path)

    assert np.array_equal(shown, expected[:, :, ::-1])
    assert turn_of(path, capture) == Turn.rotation(90)


def test_a_phones_film_is_read():
    """The letters A and B, signed upright, stored sideways."""
    source = Path(os.environ["EDGE_ASL_DATA"]) / "strange" / "rot.mp4"
    command = [sys.executable, "-m", "edge_asl_device", "run", str(FILM.parent / "bundle-v1"), "--headless", "--fast"]
    run = subprocess.run([*command, "--source", str(source)], capture_output=True, text=True, timeout=100, check=True)

    assert run.stdout.splitlines()[-1] == "text: AB"


def test_a_film_without_such_a_header_is_taken_as_it_is(tmp_path: Path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, SIZE)
    writer.write(marked()[:, :, ::-1])
    writer.release()

    assert np.abs(read(path)[0][1].astype(int) - marked()).mean() < 12


@pytest.mark.parametrize("size", [0, 1, 7, 2**31, 2**32 - 1])
def test_boxes_that_lie_about_their_size(tmp_path: Path, size: int):
    """OpenCV may still read such a film; the turn is then what OpenCV says."""
    path = turned(film(tmp_path / "film.mp4", marked()), *TURNS["90"])
    data = bytearray(path.read_bytes())
    at = data.index(b"moov") - 4
    data[at : at + 4] = struct.pack(">I", size)
    path.write_bytes(data)

    assert turn_of(path, cv2.VideoCapture(str(FILM))) in (Turn(), Turn.rotation(90))


def boxes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield at, kind
        at += size


def timed(path: Path, steps: list[tuple[int, int]]) -> Path:
    """Give the frames other durations, [(how many, ticks)]: a longer stts box in the moov, which lies at the end."""
    data = path.read_bytes().replace(b"edts", b"free")  # the edit list, which names the old length
    moov = next(at for at, kind in boxes(data) if kind == b"moov")
    at = data.index(b"stts", moov) - 4
    (old,) = struct.unpack_from(">I", data, at)
    body = struct.pack(">III", 0, len(steps), 0)[:8] + b"".join(struct.pack(">II", *step) for step in steps)
    new = struct.pack(">I4s", 8 + len(body), b"stts") + body
    data = bytearray(data[:at] + new + data[at + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        where = data.index(kind, moov) - 4
        struct.pack_into(">I", data, where, struct.unpack_from(">I", data, where)[0] + len(new) - old)
    path.write_bytes(data)
    return path


def ticks_of_a_frame(path: Path) -> int:
    data = path.read_bytes()
    return int(struct.unpack_from(">I", data, data.index(b"stts") + 16)[0])


def test_times_are_those_of_the_container(tmp_path: Path):
    """Three frames at 30 a second, three at 10, one after a second."""
    path = film(tmp_path / "film.mp4", marked(), frames=8)
    tick = ticks_of_a_frame(path)
    timed(path, [(3, tick), (3, 3 * tick), (1, 30 * tick), (1, tick)])
    times = [time_s for time_s, _ in read(path)]

    assert times[0] == 0.0
    assert np.diff(times) == pytest.approx([1 / 30] * 3 + [3 / 30] * 3 + [1.0], abs=0.002)


def test_a_constant_rate_is_as_before():
    times = [time_s for time_s, _ in read(FILM)]

    assert times == pytest.approx(np.arange(len(times)) / 30, abs=0.001)


def test_a_still_part_is_no_silence(tmp_path: Path):
    """Shown in its own time, the picture comes again meanwhile; the whole takes as long as the container says."""
    path = film(tmp_path / "film.mp4", marked(), frames=3)
    tick = ticks_of_a_frame(path)
    timed(path, [(1, tick), (1, 36 * tick), (1, tick)])
    with Video(path, paced=True) as video:
        started = time.monotonic()
        times = [frame.time_s for frame in video.frames()]

    assert len(times) == 3 + 2
    assert max(np.diff(times)) < HELD_S + 0.4
    assert times[-1] - started == pytest.approx(37 / 30, abs=0.5)
