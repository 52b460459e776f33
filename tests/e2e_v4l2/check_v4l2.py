"""The USB camera's class on a real kernel driver, "vivid", through OpenCV. ``run.sh`` runs these.

What it cannot show: JPEG, which vivid does not make.
"""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import vivid

from edge_asl_device.camera import CameraError, CameraState, Frame
from edge_asl_device.camera.auto import find
from edge_asl_device.camera.v4l2 import V4l2, first_camera, usable

# vivid's first pattern, left to right: bars at 75 % of full colour, the white one at full in newer kernels.
BARS = ("white", "yellow", "cyan", "green", "magenta", "red", "blue", "black")
ON = {
    "white": (1, 1, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "green": (0, 1, 0),
    "magenta": (1, 0, 1),
    "red": (1, 0, 0),
    "blue": (0, 0, 1),
    "black": (0, 0, 0),
}

# Owns the camera's buffers as any program that films does, until its input ends.
OTHER_PROGRAM = """
import fcntl, os, struct, sys
device = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(device, 0xC0145608, struct.pack("=IIIII", 2, 1, 1, 0, 0))
print("has it", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def camera_as_new() -> Iterator[None]:
    yield
    if vivid.plugged():
        vivid.unplug()
    vivid.plug()


def later(seconds: float, action: object) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def watch(frames: Iterator[Frame], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        next(frames)


def fails(camera: V4l2) -> CameraError:
    """How opening it fails."""
    with pytest.raises(CameraError) as caught, camera:
        pass
    return caught.value


def test_only_the_camera_is_one():
    nodes = sorted(Path("/dev").glob("video*"))
    assert len(nodes) > 2
    assert [str(node) for node in nodes].index(vivid.CAMERA) > 0
    for node in nodes:
        if str(node) == vivid.CAMERA:
            assert usable(str(node)).formats[0] == "YUYV"
            continue
        with pytest.raises(CameraError, match=r"'vivid' .* is not a camera that programs can read") as caught:
            usable(str(node))
        assert caught.value.state is CameraState.MISSING
    assert first_camera().path == vivid.CAMERA
    assert find() == f"v4l2:{vivid.CAMERA}"


def test_the_colours_are_red_green_blue():
    with V4l2() as camera:
        frame = next(camera.frames())

    assert frame.picture.shape == (480, 640, 3)
    assert frame.picture.dtype == np.uint8
    for bar, name in enumerate(BARS):
        on = frame.picture[400, 40 + 80 * bar] > 90
        assert tuple(on.astype(int)) == ON[name], name


def test_pictures_are_written_where_they_are_wanted():
    memory = np.zeros((2, 480, 640, 3), np.uint8)
    turn = itertools.cycle(memory)
    asked = []

    def place(height: int, width: int) -> np.ndarray:
        asked.append((height, width))
        return next(turn)

    with V4l2(vivid.CAMERA) as camera:
        frames = list(itertools.islice(camera.frames(place), 2))

    assert asked == [(480, 640)] * 2
    assert all(np.shares_memory(frame.picture, there) for frame, there in zip(frames, memory, strict=True))
    assert memory.reshape(2, -1).any(axis=1).all()


def test_another_size():
    with V4l2(vivid.CAMERA, size=(1280, 720)) as camera:
        picture = next(camera.frames()).picture
        assert picture.shape == (720, 1280, 3)
        assert picture.any()


def test_times_go_forward_and_are_of_now():
    with V4l2(vivid.CAMERA) as camera:
        before = time.monotonic()
        times = [frame.time_s for frame in itertools.islice(camera.frames(), 20)]

    assert times == sorted(times)
    assert len(set(times)) == 20
    assert before - 2 < times[0]
    assert times[-1] <= time.monotonic()


def test_a_slow_reader_gets_a_new_picture():
    with V4l2(vivid.CAMERA) as camera:
        frames = camera.frames()
        next(frames)
        time.sleep(3)
        asked = time.monotonic()
        assert asked - next(frames).time_s < 1


def test_busy():
    command = [sys.executable, "-S", "-c", OTHER_PROGRAM, vivid.CAMERA]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "has it\n"
        fault = fails(V4l2(vivid.CAMERA))
        assert fault.state is CameraState.BUSY
        assert str(fault).startswith(f"{vivid.CAMERA}: another program is using the camera")
        assert fails(V4l2()).state is CameraState.BUSY, "no node was named, and the only camera is busy"
        other.communicate(timeout=20)

    with V4l2(vivid.CAMERA) as camera:
        assert next(camera.frames()).picture.any()


def test_busy_does_not_disturb_who_has_it():
    with V4l2(vivid.CAMERA) as camera:
        frames = camera.frames()
        next(frames)
        assert fails(V4l2(vivid.CAMERA)).state is CameraState.BUSY
        assert next(frames).picture.any()


def test_missing():
    vivid.unplug()
    assert fails(V4l2(vivid.CAMERA)).state is CameraState.MISSING
    assert fails(V4l2()).state is CameraState.MISSING


def test_frozen_within_three_seconds_and_back():
    with V4l2(vivid.CAMERA) as camera:
        frames = camera.frames()
        next(frames)
        vivid.switch(vivid.DROPPED, 100)
        asked = time.monotonic()
        with pytest.raises(CameraError, match="no picture within 2 s") as caught:
            watch(frames, seconds=20)
        assert caught.value.state is CameraState.FROZEN
        assert 1.5 < time.monotonic() - asked < 5
    vivid.switch(vivid.DROPPED, 0)

    with V4l2(vivid.CAMERA) as again:
        assert next(again.frames()).picture.any()


def test_frozen_from_the_start():
    vivid.switch(vivid.DROPPED, 100)
    assert fails(V4l2(vivid.CAMERA)).state is CameraState.FROZEN


def test_a_driver_that_refuses_to_start():
    vivid.switch(vivid.REFUSE_START)
    fault = fails(V4l2(vivid.CAMERA))
    assert fault.state is CameraState.FAILED
    assert "the driver refuses to start it" in str(fault)


@pytest.mark.parametrize("how", ["unplugged", "disconnected"])
def test_unplugged_and_plugged_in_again(how: str):
    actions = {"unplugged": vivid.unplug, "disconnected": lambda: vivid.switch(vivid.DISCONNECT)}
    with V4l2(vivid.CAMERA) as camera:
        frames = camera.frames()
        next(frames)
        timer = later(1, actions[how])
        asked = time.monotonic()
        with pytest.raises(CameraError, match="the camera was disconnected") as caught:
            watch(frames, seconds=20)
        assert caught.value.state is CameraState.LOST
        assert time.monotonic() - asked < 10
        timer.join()
    if how == "unplugged":
        assert fails(V4l2(vivid.CAMERA)).state is CameraState.MISSING
        vivid.plug()

    with V4l2(vivid.CAMERA) as again:
        assert next(again.frames()).picture.any()


def test_reopening_leaves_nothing_behind():
    def use() -> None:
        with V4l2(vivid.CAMERA) as camera:
            next(camera.frames())

    def count() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    use()
    before = count()
    for _ in range(10):
        use()
    assert count() == before
