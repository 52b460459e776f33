"""``--source auto``: which camera there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_asl_device.camera import CameraError, picamera, v4l2


def find(
    libcamera: Callable[[], list[dict[str, Any]]] = picamera.cameras, usb: Callable[[], v4l2.Node] = v4l2.first_camera
) -> str:
    """The ``--source`` of the camera to take: one on a ribbon cable before one on USB, of each the first.

    Loads libcamera where it is installed (half a second): call it where the camera is opened.

    Args:
        libcamera: lists what libcamera sees; may raise ``CameraError``.
        usb: finds the first camera of V4L2; may raise ``CameraError``.

    Raises:
        CameraError: there is neither; the message says what was missing of both.
    """
    try:
        for number, camera in enumerate(libcamera()):
            if not _is_usb(camera):
                return f"picamera2:{number}"
        on_a_cable = "libcamera lists no camera on a ribbon cable"
    except CameraError as error:
        on_a_cable = str(error)
    try:
        return f"v4l2:{usb().path}"
    except CameraError as error:
        raise CameraError(error.state, f"{error}; and: {on_a_cable}") from error


def _is_usb(camera: dict[str, Any]) -> bool:
    """libcamera lists USB cameras as well, its Id being the path of the port; OpenCV reads more of them."""
    return "usb" in str(camera.get("Id", "")).lower()
