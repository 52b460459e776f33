"""The USB camera's class on JPEG, which most webcams send, from ``jpeg_camera.c``. ``run.sh`` runs these."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.v4l2 import V4l2, first_camera

CAMERA = Path(os.environ["JPEG_CAMERA"])
RED, GREEN = (200, 0, 0), (0, 200, 0)


def jpeg(colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour, RGB."""
    picture = np.full((480, 640, 3), colour[::-1], np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def sends(*frames: bytes) -> None:
    """The camera sends these over and over."""
    for old in CAMERA.parent.glob(f"{CAMERA.name}.*.jpg"):
        old.unlink()
    for number, data in enumerate(frames):
        Path(f"{CAMERA}.{number}.jpg").write_bytes(data)


@pytest.fixture(autouse=True)
def node() -> Iterator[None]:
    CAMERA.unlink(missing_ok=True)
    os.mknod(CAMERA)  # not touch: opening it would open the camera
    yield
    sends()


def colours(camera: V4l2, count: int) -> list[tuple[int, ...]]:
    """Of each picture the one colour that it has all over, to the nearest fifty."""
    found = []
    for frame in itertools.islice(camera.frames(), count):
        pixels = frame.picture.reshape(-1, 3).astype(int)
        assert (pixels.max(axis=0) - pixels.min(axis=0)).max() < 20, "a mixture of two pictures"
        found.append(tuple(((pixels[0] + 25) // 50 * 50).tolist()))
    return found


def test_jpeg_at_full_rate():
    sends(jpeg(RED), jpeg(GREEN))
    with V4l2(str(CAMERA)) as camera:
        frames = camera.frames()
        next(frames)
        started = time.monotonic()
        times = [next(frames).time_s for _ in range(30)]
        took_s = time.monotonic() - started

    assert 0.9 < took_s < 1.5, "30 frames at 30 a second"
    assert times == sorted(times)
    assert started - 0.1 < times[0]
    assert times[-1] <= time.monotonic()


def test_the_first_camera_is_found():
    assert first_camera(CAMERA.parent).path == str(CAMERA)
    assert first_camera(CAMERA.parent).formats == ("MJPG",)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\0" * 500, jpeg(GREEN)[:1500], b"\xff\xd8\xff" + bytes(range(256)) * 8],
    ids=["empty", "zeros", "cut off", "nonsense"],
)
def test_damaged_pictures_are_left_out(damaged: bytes):
    sends(jpeg(RED), damaged, jpeg(GREEN), damaged, damaged)
    with V4l2(str(CAMERA)) as camera:
        seen = colours(camera, 10)

    assert set(seen) == {RED, GREEN}
    assert all(one != other for one, other in itertools.pairwise(seen)), "none is shown twice"


def test_nothing_but_damaged_pictures_is_frozen():
    sends(jpeg(RED))
    with V4l2(str(CAMERA)) as camera:
        frames = camera.frames()
        next(frames)
        sends(b"\0" * 500)
        asked = time.monotonic()
        with pytest.raises(CameraError, match="only damaged pictures within 2 s") as caught:
            next(frames)
    assert caught.value.state is CameraState.FROZEN
    assert time.monotonic() - asked < 3
