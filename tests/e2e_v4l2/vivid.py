"""The switches of the kernel's "vivid" camera: controls that drop its frames, refuse to start, cut it off."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

CAMERA = "/dev/video3"
"""As ``init.sh`` numbers it; 0 to 2 are vivid's output and metadata."""

DROPPED = "Percentage of Dropped Buffers"
REFUSE_START = "Inject VIDIOC_STREAMON Error"
DISCONNECT = "Disconnect"

QUERYCTRL, SET_CONTROL = 0xC0445624, 0xC008561C
QUERY = struct.Struct("=II32siiiiI8x")
CONTROL = struct.Struct("=Ii")
NEXT = 0x8000_0000

DRIVER = Path("/sys/bus/platform/drivers/vivid")


def switch(name: str, value: int = 1) -> None:
    """Set a control by its name."""
    device = os.open(CAMERA, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(device, SET_CONTROL, CONTROL.pack(dict(_controls(device))[name], value))
    finally:
        os.close(device)


def unplug() -> None:
    """The device goes, whoever has it open."""
    (DRIVER / "unbind").write_text("vivid.0")


def plug() -> None:
    """The device is back, as new."""
    (DRIVER / "bind").write_text("vivid.0")
    for _ in range(100):
        if Path(CAMERA).exists():
            return
        time.sleep(0.05)
    raise TimeoutError(f"{CAMERA} did not appear within 5 s")


def plugged() -> bool:
    return (DRIVER / "vivid.0").exists()


def _controls(device: int) -> Iterator[tuple[str, int]]:
    number = 0
    while True:
        try:
            answer = QUERY.unpack(fcntl.ioctl(device, QUERYCTRL, QUERY.pack(number | NEXT, 0, b"", 0, 0, 0, 0, 0)))
        except OSError:
            return
        number = answer[0]
        yield answer[2].rstrip(b"\0").decode(), number
