"""What a camera's software raises or prints before it dies, as one line that says what to do; and how often."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.faults import crash_reason, fault_of
from edge_asl_device.camera.picamera import Picamera
from edge_asl_device.camera.source import parse_source
from edge_asl_device.camera.supervisor import FAILED_BACKOFF_S, CameraSupervisor
from program import rehearsal

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"


def raised(error: Exception, within: str | None) -> Exception:
    """The error as older picamera2 raises it: within another one's handling, without ``from``."""

    def fail() -> NoReturn:
        raise error

    def fail_again() -> None:
        try:
            fail()
        except Exception:
            if within is None:
                raise
            raise RuntimeError(within)  # noqa: B904 - as they do

    with pytest.raises(Exception) as caught:  # noqa: PT011 - every kind
        fail_again()
    return caught.value


def system(number: int, *more: str) -> OSError:
    return OSError(number, os.strerror(number), *more)


@pytest.mark.parametrize(
    ("error", "state", "words", "advice"),
    [
        (system(errno.ENOMEM), CameraState.FAILED, "not enough contiguous memory", "cma-128"),
        (MemoryError(), CameraState.FAILED, "not enough contiguous memory", "cma-128"),
        (RuntimeError("Could not open any dma heap device"), CameraState.FAILED, "may not use it", "-aG video"),
        (system(errno.EACCES, "/dev/media0"), CameraState.FAILED, "may not use it", "-aG video"),
        (AttributeError("module 'libcamera' has no attribute 'Rectangle'"), CameraState.FAILED, "fit", "full-upgrade"),
        (TypeError("f() got an unexpected keyword argument 'wait'"), CameraState.FAILED, "fit", "full-upgrade"),
        (RuntimeError("camera.acquire() returned unexpected code: None"), CameraState.FAILED, "fit", "full-upgrade"),
        (RuntimeError("camera.acquire() returned unexpected code: -16"), CameraState.BUSY, "another program", "fuser"),
        (RuntimeError("Failed to acquire camera"), CameraState.BUSY, "another program", "fuser"),
        (RuntimeError("acquire() returned unexpected code: -12"), CameraState.FAILED, "contiguous memory", "cma-128"),
        (RuntimeError("Failed to start camera: -121"), CameraState.FAILED, "does not answer", "ribbon cable"),
        (system(errno.EIO), CameraState.FAILED, "does not answer", "ribbon cable"),
        (system(errno.ENOSPC), CameraState.FAILED, "USB port", "unplug other cameras"),
        (system(errno.EMFILE), CameraState.FAILED, "too many files", "restart the program"),
        (system(errno.ENODEV), CameraState.LOST, "no longer there", "plug it in"),
        (IndexError("list index out of range"), CameraState.MISSING, "not found", "--list-cameras"),
        (TimeoutError("timed out"), CameraState.FROZEN, "no picture comes", "ribbon cable"),
        (ZeroDivisionError("division by zero"), CameraState.FAILED, "(test_faults_said.py, line ", "trying again"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else "",
)
@pytest.mark.parametrize("within", [None, "Camera __init__ sequence did not complete."])
def test_why_and_what_to_do(error: Exception, state: CameraState, words: str, advice: str, within: str | None):
    fault = fault_of(raised(error, within), "camera 0")

    assert fault.state is state
    assert str(fault).startswith("camera 0: ")
    assert words in str(fault)
    assert advice in str(fault)
    assert len(str(fault).splitlines()) == 1
    assert "\n" not in str(fault_of(RuntimeError("one\ntwo\x1b[2J"), "camera 0"))


def test_the_same_fault_has_the_same_words():
    """An address in the text would be a new line in the log at each try."""
    one, other = (fault_of(AttributeError(f"<Picamera2 object at {hex(id(object()))}>: odd")) for _ in range(2))
    assert str(one) == str(other)


class Stack:
    """A camera object that works until it is asked to ``fail``."""

    def __init__(self, fail: str, error: Exception) -> None:
        self._fail, self._error = fail, error
        self.camera_controls: dict[str, object] = {}

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*_arguments: object, **_more: object) -> object:
            if name in self._fail.split():
                raise self._error
            return {"main": {"format": "BGR888", "size": (8, 8), "stride": 24}, "controls": {}}

        return call


def use(camera: Picamera, *, frames: bool) -> None:
    with camera:
        if frames:
            next(camera.frames())


@pytest.mark.parametrize("fail", ["configure", "start", "configure stop", "captured_request", "close"])
def test_wherever_the_cameras_software_fails(fail: str):
    camera = Picamera(2, open_camera=lambda _number: Stack(fail, system(errno.ENOMEM)))
    with pytest.raises(CameraError) as caught:
        use(camera, frames=fail != "close")

    assert caught.value.state is CameraState.FAILED
    assert str(caught.value).startswith("camera 2: there is not enough contiguous memory for its pictures (OSError: ")


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("what():  failed to import fd 19\nAborted", -6, "(signal 6): failed to import fd 19; sudo apt"),
        ("[0:1] [2] ERROR V4L2 v4l2_videodevice.cpp:1248 /dev/video14: Unable to request 4 buffers: Cannot allocate "
         "memory\n[0:1] [2] INFO Camera", -6, "not enough contiguous memory"),
        ("Traceback …\nModuleNotFoundError: No module named 'msgspec'\n", 1, "ModuleNotFoundError: No module named"),
        ("", -11, "crashed the capture process (signal 11); "),
        ("", -9, "ended from outside (signal 9); "),
        ("", 3, "the capture process ended (exit status 3)"),
    ],
)  # fmt: skip
def test_why_the_process_died(said: str, code: int, words: str):
    assert words in crash_reason(code, said)


SAID = {
    "no-memory": "there is not enough contiguous memory",
    "outdated": "do not fit together",
    "strange": "ZeroDivisionError: division by zero (rehearsal.py, line ",
    "crash": "crashed the capture process (signal 6): rehearsed",
}


def test_a_real_capture_process_says_it_once_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    """Two tries each; what the process printed is not printed again."""
    caplog.set_level(logging.INFO)
    with (
        rehearsal(tmp_path / "camera", FILM) as tell,
        CameraSupervisor(parse_source(f"rehearsal:{tmp_path / 'camera'}")) as camera,
    ):
        wait(camera, lambda: camera.status.state is CameraState.LIVE)
        for fault, words in SAID.items():
            caplog.clear()
            tell(fault)
            wait(camera, lambda words=words: words in (camera.status.reason or ""))
            tries = camera.reopened
            wait(camera, lambda tries=tries: camera.reopened > tries)
            wait(camera, lambda words=words: words in (camera.status.reason or ""))
            logged = [str(record.reason) for record in caplog.records]  # type: ignore[attr-defined]
            starved = sum("no picture for" in reason for reason in logged)  # on a machine with much else to do
            assert {reason for reason in logged if words in reason} == {camera.status.reason}
            assert len(logged) <= 1 + 2 * starved, logged
            tell("live")
            wait(camera, lambda: camera.status.state is CameraState.LIVE)
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    assert "terminate called" not in printed.err


def test_the_pauses_grow():
    assert all(later > sooner for sooner, later in itertools.pairwise(FAILED_BACKOFF_S))
    assert FAILED_BACKOFF_S[-1] <= 30


def wait(camera: CameraSupervisor, happened: Callable[[], bool], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        camera.next(0.1)
        assert time.monotonic() < deadline, camera.status
