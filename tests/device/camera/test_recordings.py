"""Recordings as cameras: folders with broken pictures, and words that the rehearsal does not know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.recordings import FPS, SHOWN_S, Folder
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
