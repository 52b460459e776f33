"""Cameras on the Raspberry Pi's ribbon cable, through picamera2."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import Allocate, CameraError, CameraState, Frame, new_picture
from edge_asl_device.camera.clock import since_boot_to_monotonic, taken
from edge_asl_device.camera.faults import fault_of

TIMEOUT_S = 2.0
"""How long a frame may take: without a limit picamera2 waits for ever once the cable is pulled."""
STOP_S = 3.0
"""How long stopping may take; it does not depend on frames."""
BUFFERS = 4
"""One shown, one filled, one queued, one spare; each is 0.9 MB of contiguous memory, of which a Pi has little."""

INSTALL = (
    "sudo apt install python3-picamera2 --no-install-recommends, "
    "and make the virtual environment with python3 -m venv --system-site-packages"
)


class Layout(NamedTuple):
    """How a picture lies in the driver's memory."""

    format: str
    """libcamera's name, which lists a pixel's bytes from the last to the first: ``BGR888`` is R, G, B in memory."""
    width: int
    height: int
    stride: int
    """Bytes from one row to the next, padding included."""


class Picamera:
    """A camera that libcamera knows.

    Args:
        number: as ``rpicam-hello --list-cameras`` counts.
        size: (width, height) to ask for; the driver may answer with another.
        fps: frames a second to ask for.
        open_camera: makes picamera2's object for a number; another one serves another pipeline.
    """

    def __init__(
        self,
        number: int = 0,
        size: tuple[int, int] = (640, 480),
        fps: int = 30,
        open_camera: Callable[[int], Any] | None = None,
    ) -> None:
        self._number, self._size, self._fps = number, size, fps
        self._open_camera = open_camera

    def __enter__(self) -> Self:
        try:
            self._camera = (self._open_camera or _picamera2())(self._number)
        except Exception as error:
            raise fault_of(error, self._name) from error
        try:
            self._layout = _configure(self._camera, self._size, self._fps)
            self._camera.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            if isinstance(error, Exception):
                raise fault_of(error, self._name) from error
            raise
        return self

    @property
    def _name(self) -> str:
        return f"camera {self._number}"

    def __exit__(self, *exception: object) -> None:
        fault: CameraError | None = None
        try:
            if not _within(STOP_S, functools.partial(_close, self._camera)):
                fault = CameraError(
                    CameraState.FAILED,
                    f"{self._name} did not stop within {STOP_S:.0f} s: the driver hangs; "
                    "the camera is free again when this process ends",
                )
        except Exception as error:  # noqa: BLE001 - every kind, from a driver
            fault = fault_of(error, self._name)
        self._camera = None
        gc.collect()  # buffers live as long as anything refers to them, and the next opening needs their memory
        if fault is not None and exception[1] is None:  # else what came first says more
            raise fault

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Frames until the camera fails; see ``Camera``.

        Raises:
            CameraError: no frame for two seconds (``FROZEN``), another fault of the driver (``LOST``).
        """
        while True:
            yield self._next(allocate)

    def _next(self, allocate: Allocate) -> Frame:
        try:
            with self._camera.captured_request(wait=TIMEOUT_S) as request:
                arrived = time.monotonic()
                out = allocate(self._layout.height, self._layout.width)
                with _memory(request) as memory:
                    to_rgb(memory, self._layout, out)
                return Frame(_time(request, arrived), out)
        except TimeoutError as error:
            raise CameraError(
                CameraState.FROZEN,
                f"camera {self._number}: no picture within {TIMEOUT_S:.0f} s; check both ends of its cable",
            ) from error
        except Exception as error:
            raise fault_of(error, self._name, CameraState.LOST) from error


def cameras() -> list[dict[str, Any]]:
    """What libcamera lists: ``Num``, ``Model``, ``Id``, … of each camera, USB cameras included.

    Raises:
        CameraError: picamera2 or libcamera is missing (``MISSING``) or does not load (``FAILED``).
    """
    try:
        listed: list[dict[str, Any]] = _picamera2().global_camera_info()
    except Exception as error:
        raise fault_of(error, "libcamera") from error
    return listed


def to_rgb(memory: NDArray[np.uint8], layout: Layout, out: NDArray[np.uint8]) -> None:
    """Write a picture from the driver's memory to ``out``, leaving the padding behind.

    Args:
        memory: uint8, (bytes,), at least as long as the layout says.
        layout: how the picture lies there. YUV is read as BT.601 in video range, which small video streams have.
        out: uint8, (height, width, 3), RGB.

    Raises:
        CameraError: a format that is none of the driver's usual ones.
    """
    name, width, height, stride = layout
    if name == "BGR888":
        out[:] = _rows(memory, height, stride, width * 3).reshape(height, width, 3)
    elif name in ("RGB888", "XRGB8888", "XBGR8888"):
        _reorder(_rows(memory, height, stride, width * (3 if name == "RGB888" else 4)), layout, out)
    elif name == "NV12":
        _from_nv12(memory, layout, out)
    elif name == "YUV420":
        _from_yuv420(memory, layout, out)
    else:
        raise CameraError(
            CameraState.FAILED, f"expected pictures as BGR888, NV12 or YUV420, found {name}; use another camera"
        )


def _picamera2() -> Any:
    # Everything that they log comes as an exception, too, and this process logs a fault once and not at each try.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        from picamera2 import Picamera2
    except ModuleNotFoundError as error:
        raise CameraError(
            CameraState.MISSING, f"picamera2 or libcamera is not installed ({error}); {INSTALL}"
        ) from error
    except Exception as error:
        # Debian's picamera2 beside pip's numpy, say: "numpy.dtype size changed" comes as a ValueError.
        reason = str(error).partition("\n")[0]
        raise CameraError(
            CameraState.FAILED, f"picamera2 does not load ({type(error).__name__}: {reason}); {INSTALL}"
        ) from error
    return Picamera2


def _configure(camera: Any, size: tuple[int, int], fps: int) -> Layout:
    # queue=False: the next picture, never one that lay in a queue. raw=None saves a second stream.
    wanted = camera.create_video_configuration(
        main={"size": size, "format": "BGR888"}, raw=None, buffer_count=BUFFERS, queue=False
    )
    limits = camera.camera_controls.get("FrameDurationLimits")
    if limits:
        period_us = int(np.clip(1_000_000 // fps, limits[0], limits[1]))
        wanted["controls"]["FrameDurationLimits"] = (period_us, period_us)
    camera.configure(wanted)
    found = camera.camera_configuration()["main"]  # the driver may have changed all of it
    width, height = found["size"]
    return Layout(found["format"], width, height, found["stride"])


@contextlib.contextmanager
def _memory(request: Any) -> Iterator[NDArray[np.uint8]]:
    from picamera2 import MappedArray

    with MappedArray(request, "main", reshape=False, write=False) as mapped:
        yield mapped.array


def _time(request: Any, arrived_s: float) -> float:
    stamp_ns = request.get_metadata().get("SensorTimestamp", 0)
    return taken(since_boot_to_monotonic(stamp_ns / 1e9), arrived_s)


def _close(camera: Any) -> None:
    # Stopping waits behind what was asked before: after a timeout for a picture that never comes.
    camera.cancel_all_and_flush()
    camera.stop()
    camera.close()


def _within(seconds: float, action: Callable[[], None]) -> bool:
    """Whether the action ended in time; one that hangs stays behind in a thread. Its error is raised."""
    faults: list[BaseException] = []

    def act() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
            faults.append(error)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    return not thread.is_alive()


def _rows(memory: NDArray[np.uint8], height: int, stride: int, used: int) -> NDArray[np.uint8]:
    """(height, used): a view, without the padding."""
    return memory[: height * stride].reshape(height, stride)[:, :used]


def _reorder(rows: NDArray[np.uint8], layout: Layout, out: NDArray[np.uint8]) -> None:
    import cv2

    codes = {"RGB888": cv2.COLOR_BGR2RGB, "XRGB8888": cv2.COLOR_BGRA2RGB, "XBGR8888": cv2.COLOR_RGBA2RGB}
    cv2.cvtColor(rows.reshape(layout.height, layout.width, -1), codes[layout.format], dst=out)


def _from_nv12(memory: NDArray[np.uint8], layout: Layout, out: NDArray[np.uint8]) -> None:
    import cv2

    _, width, height, stride = layout
    brightness = _rows(memory, height, stride, width)
    colour = _rows(memory[height * stride :], height // 2, stride, width)
    cv2.cvtColorTwoPlane(brightness, colour.reshape(height // 2, width // 2, 2), cv2.COLOR_YUV2RGB_NV12, dst=out)


def _from_yuv420(memory: NDArray[np.uint8], layout: Layout, out: NDArray[np.uint8]) -> None:
    """OpenCV takes three planes only without padding, so the planes (half the size of RGB) are packed first."""
    import cv2

    _, width, height, stride = layout
    brightness = _rows(memory, height, stride, width)
    colour = _rows(memory[height * stride :], height, stride // 2, width // 2)  # U, then V
    packed = np.concatenate([brightness.ravel(), colour.ravel()]).reshape(height * 3 // 2, width)
    cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420, dst=out)
