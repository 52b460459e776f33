"""picamera2 on libcamera's virtual pipeline, which lacks two things that picamera2 takes for granted.

It has no raw stream, from which picamera2 learns a sensor's modes; and it wants a buffer of two planes for NV12, where
every other pipeline takes one.
"""

from __future__ import annotations

from typing import Any

import libcamera
from picamera2 import Picamera2
from picamera2.allocators import DmaAllocator


class TwoPlanes(DmaAllocator):
    """Each buffer as two planes of the same memory: brightness, then colour."""

    def allocate(self, libcamera_config: Any, use_case: Any) -> None:
        super().allocate(libcamera_config, use_case)
        for stream in libcamera_config:
            brightness = stream.stride * stream.size.height
            parts = ((0, brightness), (brightness, stream.frame_size - brightness))
            self.frame_buffers[stream.stream] = [
                self._split(buffer, parts) for buffer in self.frame_buffers[stream.stream]
            ]

    def _split(self, buffer: Any, parts: tuple[tuple[int, int], ...]) -> Any:
        planes = []
        for offset, length in parts:
            plane = libcamera.FrameBuffer.Plane()
            plane.fd, plane.offset, plane.length = buffer.planes[0].fd, offset, length
            planes.append(plane)
        split = libcamera.FrameBuffer(planes)
        descriptor = split.planes[0].fd  # libcamera's own copy of it: the one by which buffers are kept track of
        self.mapped_buffers_used[descriptor] = False
        self.libcamera_fds.append(descriptor)
        self.mapped_buffers[split] = self.mapped_buffers.pop(buffer)
        return split


class VirtualPicamera2(Picamera2):
    """Picamera2 with a made-up sensor mode; everything else is the real thing."""

    def __init__(self, number: int = 0) -> None:
        super().__init__(number, allocator=TwoPlanes())

    def _get_raw_modes(self) -> list[dict[str, Any]]:
        return [{"format": "NV12", "size": (640, 480)}]
