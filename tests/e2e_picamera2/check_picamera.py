"""The camera on real picamera2 and real libcamera, whose virtual pipeline is the camera. ``run.sh`` runs these.

What it cannot show: BGR888 (it has NV12 only, so the fall-back is what runs), and that another process has the camera
(it locks nothing; a second opening in this process is refused by the same libcamera call with the same words).
"""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from virtual import VirtualPicamera2

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.auto import find
from edge_asl_device.camera.picamera import Picamera, cameras

# The bars of the pattern, left to right, as NV12 in BT.709 read as BT.601 shows them: what counts is their order.
BARS = {
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "green": (0, 255, 0),
    "magenta": (255, 0, 255),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
}


def camera(**options: object) -> Picamera:
    return Picamera(open_camera=VirtualPicamera2, **options)


def hold_every_buffer(opened: Picamera) -> list[object]:
    """As when the cable is pulled: no picture can come any more."""
    return [opened._camera.capture_request(wait=2) for _ in range(4)]


def test_the_colours_are_red_green_blue():
    with camera() as opened:
        frame = next(opened.frames())

    assert frame.picture.shape == (480, 640, 3)
    assert frame.picture.dtype == np.uint8
    seen = [frame.picture[300, 40 + 80 * bar].astype(int) for bar in range(8)]
    for colour, wanted in zip(seen, BARS.values(), strict=True):
        assert np.abs(colour - wanted).max() < 70, (colour, wanted)


def test_pictures_are_written_where_they_are_wanted():
    memory = np.zeros((2, 480, 640, 3), np.uint8)
    turn = itertools.cycle(memory)
    asked = []

    def place(height: int, width: int) -> np.ndarray:
        asked.append((height, width))
        return next(turn)

    with camera() as opened:
        frames = list(itertools.islice(opened.frames(place), 2))

    assert asked == [(480, 640)] * 2
    assert all(np.shares_memory(frame.picture, there) for frame, there in zip(frames, memory, strict=True))
    assert memory.reshape(2, -1).any(axis=1).all()


def test_times_go_forward_and_are_of_now():
    with camera() as opened:
        before = time.monotonic()
        times = [frame.time_s for frame in itertools.islice(opened.frames(), 20)]

    assert times == sorted(times)
    assert len(set(times)) == 20
    assert before - 0.5 < times[0]
    assert times[-1] <= time.monotonic()


def test_another_size_is_answered_with_what_the_camera_has():
    with camera(size=(800, 600)) as opened:
        assert next(opened.frames()).picture.shape == (480, 640, 3)


def test_a_slow_reader_gets_a_new_picture():
    with camera() as opened:
        frames = opened.frames()
        next(frames)
        time.sleep(1)
        asked = time.monotonic()
        assert asked - next(frames).time_s < 0.2


def test_no_picture_is_frozen_within_two_seconds_and_stops_in_time():
    opened = camera().__enter__()
    next(opened.frames())
    held = hold_every_buffer(opened)
    asked = time.monotonic()
    with pytest.raises(CameraError, match="no picture within 2 s") as caught:
        next(opened.frames())
    assert caught.value.state is CameraState.FROZEN
    assert 1.9 < time.monotonic() - asked < 2.5

    asked = time.monotonic()
    opened.__exit__(CameraError, caught.value, None)
    assert time.monotonic() - asked < 1
    for request in held:
        request.release()

    with camera() as again:
        assert next(again.frames()).picture.any()


def test_a_driver_that_does_not_stop_is_told_and_given_up():
    opened = camera().__enter__()
    next(opened.frames())
    release = threading.Event()
    # The thread that stopping needs, held as a hung driver holds it.
    opened._camera.dispatch_functions([lambda: (release.wait(20), None)], wait=False, immediate=True)
    time.sleep(0.2)
    asked = time.monotonic()
    with pytest.raises(CameraError, match="did not stop within 3 s") as caught:
        opened.__exit__(None, None, None)
    assert caught.value.state is CameraState.FAILED
    assert time.monotonic() - asked < 4
    release.set()
    time.sleep(1)

    with camera() as again:
        assert next(again.frames()).picture.any()


def test_busy():
    with camera() as first:
        with pytest.raises(CameraError, match=r"camera 0: another program is using it .*busy") as caught, camera():
            pass
        assert caught.value.state is CameraState.BUSY
        assert next(first.frames()).picture.any()


def test_missing():
    with pytest.raises(CameraError, match="camera 7: not found") as caught, camera(number=7):
        pass
    assert caught.value.state is CameraState.MISSING


def test_the_camera_that_ships_says_the_same():
    with pytest.raises(CameraError) as caught, Picamera(7):
        pass
    assert caught.value.state is CameraState.MISSING


def test_reopening_leaves_nothing_behind():
    def use() -> None:
        with camera() as opened:
            next(opened.frames())

    def count() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    use()
    before = count()
    for _ in range(20):
        use()
    assert count() == before


def test_found_by_itself():
    assert [listed["Model"] for listed in cameras()] == ["virtual-bars"]
    assert find() == "picamera2:0"


@pytest.mark.parametrize("missing", ["picamera2", "libcamera"])
def test_not_installed(missing: str):
    code = f"""if True:
        import sys
        sys.modules[{missing!r}] = None  # as if it were not there
        from edge_asl_device.camera.picamera import Picamera
        try:
            Picamera().__enter__()
        except Exception as error:
            print(error.state, error)
    """
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.startswith("missing picamera2 or libcamera is not installed (")
    assert "sudo apt install python3-picamera2 --no-install-recommends" in told
    assert "--system-site-packages" in told
