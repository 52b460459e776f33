"""USB cameras: OpenCV reads them, the kernel's own interface (V4L2) says what is wrong.

OpenCV only ever returns False, so the device is asked before OpenCV opens it, and again when no frame comes.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import Allocate, CameraError, CameraState, Frame, new_picture
from edge_asl_device.camera.clock import taken
from edge_asl_device.camera.faults import fault_of

TIMEOUT_S = 2
"""How long a frame may take; 30 frames a second take 0.03, a camera waking up takes most of one second."""

BUFFERS = 2
"""One for the driver to fill while we read the other. With one, a USB camera misses the start of every second
picture (Linux 6.9 and later therefore never gives fewer than two); with OpenCV's four, what we read is old."""

MOST_BUFFERS = 4
OLD_S = 0.25
"""A picture from so long before it was asked for was filled while nobody read; a driver may insist on more buffers."""

# linux/videodev2.h: numbers of requests, structs and bits, the same on every architecture that a Pi or PC has.
QUERYCAP = 0x80685600
ENUM_FMT = 0xC0405602
REQBUFS = 0xC0145608
CAPABILITY = struct.Struct("=16s32s32sIII12x")
FORMAT = struct.Struct("=III32s4s16x")
BUFFER_REQUEST = struct.Struct("=IIIII")
CAPTURE, MEMORY_MAPPED = 1, 1
CAN_CAPTURE, CAN_STREAM = 0x1, 0x0400_0000
"""A node has more faces than one: only these two bits together mean pictures that a program can take."""
NEEDS_LIBCAMERA = 0x2000_0000
"""V4L2_CAP_IO_MC: raw sensor data that another program must set up."""

# The Raspberry Pi's own camera nodes, older kernels without the bit above: sensor receivers and picture processors.
LIBCAMERA_DRIVERS = ("unicam", "rp1-cfe", "bcm2835-isp", "bcm2835-codec", "pispbe")


class Node(NamedTuple):
    """What a video node says of itself."""

    path: str
    driver: str
    name: str
    abilities: int
    formats: tuple[str, ...]
    """Four-letter codes, such as ``MJPG`` and ``YUYV``."""

    @property
    def is_camera(self) -> bool:
        wanted = CAN_CAPTURE | CAN_STREAM
        of_the_pi = self.abilities & NEEDS_LIBCAMERA or self.driver.startswith(LIBCAMERA_DRIVERS)
        return self.abilities & wanted == wanted and not of_the_pi


class V4l2:
    """A camera that Linux shows as ``/dev/videoN``.

    Args:
        device: its path, or None for the first that is a camera.
        size: (width, height) to ask for; a camera may answer with another.
        fps: frames a second to ask for.

    Enter it in a process that has not imported cv2: OpenCV reads its time limit when it is loaded, and waits ten
    seconds for a frozen camera instead of two otherwise.
    """

    def __init__(self, device: str | None = None, size: tuple[int, int] = (640, 480), fps: int = 30) -> None:
        self._device, self._size, self._fps = device, size, fps

    def __enter__(self) -> Self:
        node = usable(self._device) if self._device else first_camera()
        self._path = node.path
        self._capture = _open(node, self._size, self._fps)
        try:
            self._first_frame(node)
        except BaseException:
            self._capture.release()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._capture.release()

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Frames until the camera fails; see ``Camera``.

        Raises:
            CameraError: no frame for two seconds (``FROZEN``), the camera is gone or resets itself (``LOST``).
        """
        while True:
            yield self._next(allocate)

    def _next(self, allocate: Allocate) -> Frame:
        import cv2

        asked = time.monotonic()
        for attempt in itertools.count():
            grabbed = self._capture.grab()
            arrived = time.monotonic()
            time_s = taken(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, arrived)
            if grabbed and asked - time_s > OLD_S and attempt < MOST_BUFFERS:
                continue
            bgr = self._retrieve() if grabbed else None
            if bgr is not None:
                picture = allocate(*bgr.shape[:2])
                cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=picture)
                return Frame(time_s, picture)
            # Grabbed but not decoded: a damaged JPEG; after opening and on bad cables there are some.
            if not grabbed or arrived - asked > TIMEOUT_S:
                break
        raise self._fault(grabbed, arrived - asked)

    def _retrieve(self) -> NDArray[np.uint8] | None:
        """BGR, uint8, (height, width, 3); None for a damaged JPEG."""
        import cv2

        retrieved, data = self._capture.retrieve()
        if not retrieved or data is None or not data.size:
            return None
        if not self._capture.get(cv2.CAP_PROP_CONVERT_RGB):
            return cast(NDArray[np.uint8] | None, cv2.imdecode(data, cv2.IMREAD_COLOR))
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        return as_bgr(data, width, int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))

    def _first_frame(self, node: Node) -> None:
        """OpenCV says that a device is open even when it is not: only a frame proves that it works."""
        asked = time.monotonic()
        if self._capture.isOpened() and self._capture.grab():
            return
        waited_s = time.monotonic() - asked
        self._capture.release()
        usable(node.path)  # raises where another program was faster, or the camera is gone
        if waited_s < TIMEOUT_S / 2:
            raise CameraError(
                CameraState.FAILED,
                f"{node.path} ({node.name}): the driver refuses to start it; "
                "plug it straight into the computer and unplug other cameras",
            )
        raise CameraError(
            CameraState.FROZEN,
            f"{node.path} ({node.name}): no picture within {TIMEOUT_S} s; unplug the camera and plug it in again",
        )

    def _fault(self, grabbed: bool, waited_s: float) -> CameraError:
        if waited_s > TIMEOUT_S / 2 and Path(self._path).exists():
            found = "only damaged pictures" if grabbed else "no picture"
            return CameraError(CameraState.FROZEN, f"{self._path}: {found} within {TIMEOUT_S} s; opening it again")
        return CameraError(CameraState.LOST, f"{self._path}: the camera was disconnected; plug it in again")


def first_camera(folder: Path = Path("/dev")) -> Node:
    """The ``videoN`` of the lowest number that is a camera for programs.

    Raises:
        CameraError: there is none (``MISSING``).
    """
    refused = None
    for path in sorted(folder.glob("video*"), key=_number):
        try:
            return usable(str(path))
        except CameraError as error:  # a busy camera says more than the Pi's many nodes that are none
            refused = refused if error.state is CameraState.MISSING else refused or error
    raise refused or CameraError(CameraState.MISSING, f"no {folder}/videoN is a camera; plug in a USB camera")


def usable(path: str) -> Node:
    """What the node at ``path`` says of itself, if it is a camera that nobody else uses.

    Raises:
        CameraError: no such node, or not a camera (``MISSING``); another program has it (``BUSY``); no permission
            (``FAILED``).
    """
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise refusal(path, error) from error
    try:
        node = _describe(device, path)
        if not node.is_camera:
            raise CameraError(
                CameraState.MISSING,
                f"{path}: {node.name!r} (driver {node.driver}) is not a camera that programs can read; "
                "name another /dev/videoN, or picamera2 for a camera on a ribbon cable",
            )
        # Whoever reads pictures owns the buffers; asking for one tells, closing gives it back.
        fcntl.ioctl(device, REQBUFS, BUFFER_REQUEST.pack(1, CAPTURE, MEMORY_MAPPED, 0, 0))
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        os.close(device)
    return node


def _describe(device: int, path: str) -> Node:
    answer = fcntl.ioctl(device, QUERYCAP, bytes(CAPABILITY.size))
    driver, name, _, _, of_the_hardware, of_this_node = CAPABILITY.unpack(answer)
    # A camera has several nodes (pictures, metadata); only the node's own abilities tell them apart.
    abilities = of_this_node or of_the_hardware
    return Node(path, _text(driver), _text(name), abilities, tuple(_formats(device)))


def _formats(device: int) -> Iterator[str]:
    for index in range(64):
        try:
            answer = fcntl.ioctl(device, ENUM_FMT, FORMAT.pack(index, CAPTURE, 0, b"", b""))
        except OSError:  # the end of the list, or a node without one
            return
        yield _text(FORMAT.unpack(answer)[4])


def refusal(path: str, error: OSError) -> CameraError:
    """What the kernel's answer means: ``MISSING``, ``BUSY`` or ``FAILED``, and what to do."""
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return CameraError(CameraState.MISSING, f"{path}: no camera; plug it in")
        case errno.ENOTTY | errno.EINVAL | errno.EISDIR:
            return CameraError(CameraState.MISSING, f"{path}: not a camera; name a /dev/videoN")
        case errno.EBUSY:
            return CameraError(
                CameraState.BUSY, f"{path}: another program is using the camera; fuser {path} shows which"
            )
        case errno.EACCES | errno.EPERM:
            return CameraError(CameraState.FAILED, f"{path}: {error.strerror}; add this user to the group video")
        case errno.ENOMEM | errno.ENOSPC | errno.EMFILE:
            return fault_of(error, path)
    return CameraError(CameraState.FAILED, f"{path}: cannot open the camera: {error.strerror}; retrying")


def _open(node: Node, size: tuple[int, int], fps: int) -> Any:
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(TIMEOUT_S))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # what it warns of here is told by CameraError
    import cv2

    capture = cv2.VideoCapture(node.path, cv2.CAP_V4L2)
    # JPEG first: raw pictures of 640×480 at 30 a second are half of what USB 2 carries, larger ones do not fit. Only
    # what the camera lists: OpenCV answers True to formats that it does not have.
    for code in ("MJPG", "YUYV"):
        if code in node.formats:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
            break
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)
    # Where OpenCV cannot decode a JPEG, it hands out the picture before once more: a dead camera would look alive.
    is_jpeg = int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")
    capture.set(cv2.CAP_PROP_CONVERT_RGB, 0 if is_jpeg else 1)
    return capture


def as_bgr(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture of OpenCV's as (height, width, 3): 4.11 hands out what it need not convert as one row of bytes.

    Raises:
        CameraError: it is neither (``FAILED``).
    """
    if picture.shape == (1, height * width * 3) or picture.shape == (height, width, 3):
        return picture.reshape(height, width, 3)
    raise CameraError(
        CameraState.FAILED,
        f"expected pictures of {height}×{width}×3 bytes, found {'×'.join(map(str, picture.shape))}; "
        "this format is not supported; use another camera",
    )


def _number(path: Path) -> int:
    digits = re.search(r"\d+$", path.name)
    return int(digits.group()) if digits else 1 << 31


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "replace")
