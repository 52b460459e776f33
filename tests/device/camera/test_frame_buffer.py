"""The newest picture between two processes: never a queue, never half a picture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.frame_buffer import MAX_PICTURE_BYTES, LatestFrameBuffer
from edge_asl_device.camera.quality import BLACK_S, SAME_PICTURE_S, QualityMonitor

WRITER = """
import sys, time
import numpy as np
from edge_asl_device.camera.frame_buffer import LatestFrameBuffer
with LatestFrameBuffer(int(sys.argv[1]), int(sys.argv[2])) as buffer:
    print("ready", flush=True)
    number = 0
    while True:
        picture = buffer.allocate(480, 640)
        picture[:] = number % 251
        buffer.publish(time.monotonic())
        number += 1
"""


@pytest.fixture
def buffer() -> Iterator[LatestFrameBuffer]:
    with LatestFrameBuffer.create() as made:
        yield made


def write(buffer: LatestFrameBuffer, value: int, size: tuple[int, int] = (4, 6)) -> None:
    buffer.allocate(*size)[:] = value
    buffer.publish(float(value))


def test_empty_at_first(buffer: LatestFrameBuffer):
    assert buffer.newest() is None


def test_only_the_newest_and_only_once(buffer: LatestFrameBuffer):
    for value in (1, 2, 3):
        write(buffer, value)
    frame = buffer.newest()
    assert frame is not None
    assert (frame.time_s, frame.picture.shape, int(frame.picture[0, 0, 0])) == (3.0, (4, 6, 3), 3)
    assert buffer.number == 3
    assert buffer.newest() is None


def test_what_is_looked_at_stays_as_it_is(buffer: LatestFrameBuffer):
    """However many pictures come meanwhile; and it is no copy."""
    write(buffer, 1)
    frame = buffer.newest()
    assert frame is not None
    assert not frame.picture.flags.owndata
    for value in range(2, 50):
        write(buffer, value)
        assert (frame.picture == 1).all()
    assert int(buffer.newest().picture[0, 0, 0]) == 49  # type: ignore[union-attr]


def test_sizes_may_change(buffer: LatestFrameBuffer):
    write(buffer, 1, (4, 6))
    write(buffer, 2, (10, 8))
    assert buffer.newest().picture.shape == (10, 8, 3)  # type: ignore[union-attr]


def test_a_picture_that_is_too_large(buffer: LatestFrameBuffer):
    with pytest.raises(CameraError, match="expected pictures of at most 12 megapixels, found 9000×9000"):
        buffer.allocate(9000, 9000)
    assert MAX_PICTURE_BYTES < 9000 * 9000 * 3


@pytest.fixture
def writer(buffer: LatestFrameBuffer) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(buffer.memory), str(buffer.wakeup)]
    with subprocess.Popen(
        command, pass_fds=(buffer.memory, buffer.wakeup), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("writer")
def test_another_process_writes_as_fast_as_it_can(buffer: LatestFrameBuffer):
    """No picture is ever torn, none comes twice, none out of order."""
    last, seen, deadline = 0.0, 0, time.monotonic() + 3
    while time.monotonic() < deadline:
        buffer.wait(1.0)
        frame = buffer.newest()
        if frame is None:
            continue
        assert (frame.picture == frame.picture[0, 0, 0]).all()
        assert frame.time_s > last
        last = frame.time_s
        seen += 1
    assert seen > 50


def test_a_writer_that_is_killed_locks_nothing(buffer: LatestFrameBuffer, writer: subprocess.Popen[str]):
    """At any moment, also between taking the lock and giving it back."""
    buffer.wait(1.0)
    writer.send_signal(signal.SIGKILL)
    writer.wait(5)
    buffer.newest()  # it would raise after half a second


def test_waiting_ends_when_something_else_has_something_to_say(buffer: LatestFrameBuffer):
    reading, writing = os.pipe()
    os.write(writing, b"x")
    started = time.monotonic()
    buffer.wait(5.0, reading)
    assert time.monotonic() - started < 4
    os.close(reading)
    os.close(writing)


def test_nothing_is_left_open(tmp_path: Path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with LatestFrameBuffer.create() as buffer:
            write(buffer, 1)
            buffer.newest()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# is what comes worth looking at?


def noise(seed: int, level: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).integers(level, level + 20, (96, 128, 3), np.uint8)


def test_a_living_picture():
    watch = QualityMonitor(live=True)
    healths = [watch.judge(i / 30, noise(i)) for i in range(300)]
    assert {health.state for health in healths} == {CameraState.LIVE}
    assert healths[0].brightness == pytest.approx(129.5, abs=1)


def test_the_same_picture_again_and_again():
    watch = QualityMonitor(live=True)
    states = [watch.judge(i / 30, noise(1)).state for i in range(120)]
    assert states[: int(SAME_PICTURE_S * 30)] == [CameraState.LIVE] * int(SAME_PICTURE_S * 30)
    assert states[-1] is CameraState.FROZEN
    assert watch.judge(4.1, noise(2)).state is CameraState.LIVE


def test_a_film_may_stand_still():
    watch = QualityMonitor(live=False)
    assert {watch.judge(i / 30, noise(1)).state for i in range(300)} == {CameraState.LIVE}


def test_a_covered_lens_is_black_not_frozen():
    watch = QualityMonitor(live=True)
    black = np.full((96, 128, 3), 3, np.uint8)
    states = [watch.judge(i / 30, black).state for i in range(300)]
    assert states[0] is CameraState.LIVE, "one dark picture is none"
    assert set(states[int(BLACK_S * 30) + 1 :]) == {CameraState.BLACK}
    assert watch.judge(10.1, noise(1)).state is CameraState.LIVE


def test_the_first_dark_picture_after_an_outage_is_not_a_covered_lens():
    watch = QualityMonitor(live=True)
    black = np.full((96, 128, 3), 3, np.uint8)
    watch.judge(0, noise(1))
    watch.reopened()
    assert watch.judge(1, black).state is CameraState.LIVE
    assert watch.judge(1 + BLACK_S, black).state is CameraState.BLACK
    watch.reopened()
    assert watch.judge(60, black).state is CameraState.BLACK, "it is still covered"
