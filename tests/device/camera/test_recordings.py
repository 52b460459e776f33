"""Recordings as cameras: folders with broken pictures, and words that the rehearsal does not know."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.frame_buffer import MAX_PICTURE_BYTES, LatestFrameBuffer
from edge_asl_device.camera.recordings import FPS, HELD_S, PAUSE_S, SHOWN_S, Folder, Video
from edge_asl_device.camera.rehearsal import Rehearsal
from edge_asl_device.errors import PictureError

DATA = Path(__file__).parents[2] / "data"
PICTURES = sorted((DATA / "pictures").glob("*"))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder whose first picture is none."""
    (tmp_path / "0.jpg").write_bytes(b"no picture")
    return tmp_path


@pytest.mark.parametrize("loop", [False, True])
def test_a_broken_picture_is_left_out(broken: Path, caplog: pytest.LogCaptureFixture, loop: bool):
    for picture in PICTURES[:2]:
        shutil.copy(picture, broken)
    each = round(FPS * SHOWN_S)
    with Folder(broken, loop=loop) as folder:
        frames = folder.frames()
        shown = [next(frames) for _ in range(2 * each)]
        again = list(frames) if not loop else [next(frames)]
    assert len({frame.picture.tobytes() for frame in shown}) == 2
    assert len(again) == loop
    assert [record.message for record in caplog.records] == ["picture left out"], "said once"


def test_only_broken_pictures_are_no_camera(broken: Path):
    with pytest.raises(PictureError, match=r"0\.jpg"), Folder(broken, loop=True) as folder:
        next(folder.frames())


def test_a_word_that_is_no_state_is_said(tmp_path: Path):
    shutil.copy(DATA / "BALLY.mp4", tmp_path / "video.mp4")
    state = tmp_path / "state"
    state.write_text("live\n")
    with Rehearsal(tmp_path) as camera:
        frames = camera.frames()
        next(frames)
        state.write_text("explode\n")
        with pytest.raises(CameraError) as caught:
            next(frames)
    assert caught.value.state is CameraState.FAILED
    assert str(caught.value).startswith(f"{state}: expected live, missing, ")
    assert "found 'explode'" in str(caught.value)


def test_a_picture_larger_than_any_cameras_is_made_smaller(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "phone.jpg"), np.full((3468, 4624, 3), 90, np.uint8))
    with LatestFrameBuffer.create() as buffer, Folder(tmp_path) as folder:
        height, width, _ = next(folder.frames(buffer.allocate)).picture.shape
    assert width / height == pytest.approx(4624 / 3468, abs=0.001)
    assert 0.99 < height * width * 3 / MAX_PICTURE_BYTES <= 1


def test_a_slide_show_is_repeated_without_a_silence(tmp_path: Path):
    """A frame every five seconds, as ffmpeg makes one of pictures."""
    path = tmp_path / "slides.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 0.2, (64, 64))
    for grey in (60, 120):
        writer.write(np.full((64, 64, 3), grey, np.uint8))
    writer.release()
    with Video(path, loop=True) as film:
        frames = film.frames()
        times = [next(frames).time_s for _ in range(10)]
    again = np.diff(times)[1:]  # after the second frame it is held, and begins anew
    assert again[: round(PAUSE_S / HELD_S) + 1] == pytest.approx(HELD_S)
