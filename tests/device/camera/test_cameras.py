"""What the real cameras say where there is none, and the arithmetic between a driver's memory and a picture.

The cameras themselves are opened in ``tests/e2e_picamera2`` and ``tests/e2e_v4l2``.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.auto import find
from edge_asl_device.camera.clock import since_boot_to_monotonic, taken
from edge_asl_device.camera.picamera import Layout, Picamera, to_rgb
from edge_asl_device.camera.v4l2 import Node, V4l2, as_bgr, first_camera, refusal

WIDTH, HEIGHT, PADDING = 64, 48, 32


def fault_of(camera: V4l2 | Picamera) -> CameraError:
    """How opening it fails."""
    with pytest.raises(CameraError) as caught, camera:
        pass
    return caught.value


def python(code: str, *arguments: object) -> str:
    """What a process of its own prints: nothing is imported there but what the code asks for."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


# V4L2


@pytest.mark.parametrize("kind", ["nothing", "a file", "a folder", "/dev/null"])
def test_what_is_no_camera_is_missing(tmp_path: Path, kind: str):
    path = Path("/dev/null") if kind == "/dev/null" else tmp_path / "video0"
    if kind == "a file":
        path.touch()
    if kind == "a folder":
        path.mkdir()

    fault = fault_of(V4l2(str(path)))

    assert fault.state is CameraState.MISSING
    reason = "no camera; plug it in" if kind == "nothing" else "not a camera; name a /dev/videoN"
    assert str(fault) == f"{path}: {reason}"


def test_without_a_camera_the_first_is_missing(tmp_path: Path):
    for name in ("video0", "video10", "video2"):
        (tmp_path / name).symlink_to("/dev/null")

    with pytest.raises(CameraError, match=r"no .*/videoN is a camera; plug in a USB") as caught:
        first_camera(tmp_path)
    assert caught.value.state is CameraState.MISSING


@pytest.mark.parametrize(
    ("number", "state", "advice"),
    [
        (errno.EBUSY, CameraState.BUSY, "fuser /dev/video0 shows which"),
        (errno.EACCES, CameraState.FAILED, "add this user to the group video"),
        (errno.ENODEV, CameraState.MISSING, "plug it in"),
        (errno.EIO, CameraState.FAILED, "retrying"),
        (errno.ENOSPC, CameraState.FAILED, "unplug other cameras"),
    ],
)
def test_what_the_kernel_answers(number: int, state: CameraState, advice: str):
    fault = refusal("/dev/video0", OSError(number, os.strerror(number)))

    assert fault.state is state
    assert str(fault).startswith("/dev/video0: ")
    assert str(fault).endswith(advice)


@pytest.mark.parametrize(
    ("driver", "abilities", "is_camera"),
    [
        ("uvcvideo", 0x0420_0001, True),
        ("uvcvideo", 0x04A0_0000, False),  # the same camera's metadata
        ("bm2835 mmal", 0x0520_0005, True),
        ("unicam", 0x2520_0001, False),
        ("rp1-cfe", 0x2520_0001, False),
        ("bcm2835-isp", 0x0420_0001, False),  # says nothing that a camera would not say
        ("bcm2835-codec", 0x0420_8000, False),
        ("pispbe", 0x0420_1000, False),
    ],
)
def test_which_nodes_are_cameras_for_programs(driver: str, abilities: int, is_camera: bool):
    assert Node("/dev/video0", driver, "a name", abilities, ()).is_camera is is_camera


def test_a_picture_in_one_row_is_unrolled():
    picture = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint32).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)

    assert np.array_equal(as_bgr(picture, WIDTH, HEIGHT), picture)
    unrolled = as_bgr(picture.reshape(1, -1), WIDTH, HEIGHT)
    assert np.array_equal(unrolled, picture)
    assert np.shares_memory(unrolled, picture)
    with pytest.raises(CameraError, match="expected pictures of 48×64×3 bytes, found 48×64;"):
        as_bgr(picture[:, :, 0], WIDTH, HEIGHT)


def test_the_capture_process_sets_the_time_limit_before_opencv_is_loaded():
    code = "import sys, edge_asl_device.camera.worker, edge_asl_device.camera.v4l2; print('cv2' in sys.modules)"
    assert python(code) == "False\n"


# picamera2


@pytest.mark.parametrize("missing", ["picamera2", "libcamera"])
def test_without_picamera2_one_line_says_how_to_get_it(tmp_path: Path, missing: str):
    if missing == "libcamera":
        (tmp_path / "picamera2.py").write_text("import libcamera")
    code = f"""if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        sys.modules[{missing!r}] = None  # as if it were not installed
        from edge_asl_device.camera.picamera import Picamera
        try:
            Picamera().__enter__()
        except Exception as error:
            print(type(error).__name__, error.state, error)
    """

    told = python(code, tmp_path)

    assert told.startswith(f"CameraError missing picamera2 or libcamera is not installed (import of {missing} halted")
    assert "sudo apt install python3-picamera2 --no-install-recommends" in told
    assert "python3 -m venv --system-site-packages" in told
    assert len(told.splitlines()) == 1


def test_picamera2_that_does_not_load_says_why(tmp_path: Path):
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed\\nand more')")
    code = """if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        from edge_asl_device.camera.picamera import cameras
        try:
            cameras()
        except Exception as error:
            print(type(error).__name__, error.state, error)
    """

    told = python(code, tmp_path)

    assert told.startswith("CameraError failed picamera2 does not load (ValueError: numpy.dtype size changed);")
    assert len(told.splitlines()) == 1


def opens_with(*words: str) -> Callable[[int], object]:
    """Refuses as picamera2 does: the last of a chain of errors has the reason."""

    def refuse(_number: int) -> object:
        error: RuntimeError | None = None
        for word in reversed(words):
            latest = RuntimeError(word)
            latest.__cause__ = error
            error = latest
        raise error

    return refuse


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (['No camera number 1 found - use "rpicam-hello --list-cameras"'], CameraState.MISSING),
        (
            ["Camera __init__ sequence did not complete.", "Failed to acquire camera: Device or resource busy"],
            CameraState.BUSY,
        ),
        (["Camera __init__ sequence did not complete.", "Failed to initialize camera", "odd"], CameraState.FAILED),
    ],
)
def test_why_picamera2_refuses(words: list[str], state: CameraState):
    fault = fault_of(Picamera(1, open_camera=opens_with(*words)))

    assert fault.state is state
    assert str(fault).startswith("camera 1")
    if state is not CameraState.MISSING:
        assert words[-1] in str(fault)


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    """RGB, smooth, so that halving the colours' resolution costs little."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([columns * 3, rows * 4, 200 - columns * 2], axis=2).astype(np.uint8)


def padded(rows: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """Rows as a driver lays them down; the padding is white noise to the eye, 255 here."""
    memory = np.full((rows.shape[0], stride), 255, np.uint8)
    memory[:, : rows.shape[1]] = rows
    return memory.ravel()


@pytest.mark.parametrize("padding", [0, PADDING])
@pytest.mark.parametrize(
    ("name", "order"), [("BGR888", "RGB"), ("RGB888", "BGR"), ("XBGR8888", "RGBX"), ("XRGB8888", "BGRX")]
)
def test_rgb_in_every_order(picture: NDArray[np.uint8], name: str, order: str, padding: int):
    planes = {"R": picture[..., 0], "G": picture[..., 1], "B": picture[..., 2], "X": np.full_like(picture[..., 0], 7)}
    rows = np.stack([planes[letter] for letter in order], axis=2).reshape(HEIGHT, -1)
    stride = rows.shape[1] + padding
    out = np.zeros_like(picture)

    to_rgb(np.append(padded(rows, stride), [9, 9]).astype(np.uint8), Layout(name, WIDTH, HEIGHT, stride), out)

    assert np.array_equal(out, picture)


@pytest.mark.parametrize("padding", [0, PADDING])
@pytest.mark.parametrize("name", ["NV12", "YUV420"])
def test_yuv(picture: NDArray[np.uint8], name: str, padding: int):
    planar = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    brightness, colour = planar[:HEIGHT], planar[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    stride = WIDTH + padding
    if name == "NV12":
        below = padded(np.stack([*colour], axis=2).reshape(HEIGHT // 2, WIDTH), stride)
    else:
        below = padded(colour.reshape(HEIGHT, WIDTH // 2), stride // 2)
    out = np.zeros_like(picture)

    to_rgb(np.concatenate([padded(brightness, stride), below]), Layout(name, WIDTH, HEIGHT, stride), out)

    assert np.abs(out.astype(int) - picture).max() <= 8


def test_a_format_that_is_none_of_these(picture: NDArray[np.uint8]):
    with pytest.raises(CameraError, match="expected pictures as BGR888, NV12 or YUV420, found MJPEG;"):
        to_rgb(picture.ravel(), Layout("MJPEG", WIDTH, HEIGHT, WIDTH), np.zeros_like(picture))


# auto

CABLE = {"Num": 0, "Model": "imx708", "Id": "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a"}
USB = {"Num": 1, "Model": "C270", "Id": "/base/axi/pcie@120000/rp1/usb@200000-1:1.0-046d:0825"}
WEBCAM = Node("/dev/video2", "uvcvideo", "C270", 0x0420_0001, ("MJPG",))


def missing(words: str, state: CameraState = CameraState.MISSING) -> Callable[[], object]:
    def refuse() -> object:
        raise CameraError(state, words)

    return refuse


def test_a_camera_on_a_cable_comes_first():
    assert find(lambda: [CABLE, USB], lambda: WEBCAM) == "picamera2:0"
    assert find(lambda: [USB, CABLE], lambda: WEBCAM) == "picamera2:1"


@pytest.mark.parametrize("libcamera", [lambda: [], lambda: [USB], missing("no picamera2")])
def test_else_one_on_usb(libcamera: Callable[[], list[dict[str, object]]]):
    assert find(libcamera, lambda: WEBCAM) == "v4l2:/dev/video2"


@pytest.mark.parametrize("state", [CameraState.MISSING, CameraState.BUSY])
def test_else_both_are_said(state: CameraState):
    with pytest.raises(CameraError, match=r"^nothing on USB; and: no picamera2$") as caught:
        find(missing("no picamera2"), missing("nothing on USB", state))
    assert caught.value.state is state


# clock


def test_a_stamp_counts_only_if_it_can_be_true():
    assert taken(99.97, 100.0) == 99.97
    assert taken(100.02, 100.0) == 100.0, "in the future"
    assert taken(0.0, 100.0) == 100.0, "none"
    assert taken(1.7e9, 100.0) == 100.0, "the wall clock's"


def test_time_since_boot_is_told_as_monotonic():
    boot, monotonic = time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
    assert since_boot_to_monotonic(boot) == pytest.approx(monotonic, abs=0.05)
