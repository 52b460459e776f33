"""What the loop hands to the page: states, pictures, and what hardly ever changes; counted on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import Watchdog
from edge_asl_device.web.broadcast import Hub
from edge_asl_device.web.messages import CameraView, FrameSize, Hello, PageState

JPEG_QUALITY = 80


class Publisher:
    """Writes to the hub; in the loop's thread.

    Args:
        reader: with the bundle that reads.
        hello: makes what a page is told when it connects from a bundle and a frame size.
        metrics: counts frames and letters, and times the way to the page.
        watchdog: told of every frame.
    """

    def __init__(
        self,
        reader: Reader,
        hello: Callable[[Reader, FrameSize | None], Hello],
        metrics: Metrics,
        watchdog: Watchdog,
    ) -> None:
        self.reader = reader
        self._make_hello, self._metrics, self._watchdog = hello, metrics, watchdog
        self._frame_size: FrameSize | None = None
        self._letters = 0
        self._published_s: deque[float] = deque(maxlen=2000)
        self.hub = Hub(hello(reader, None), PageState(CameraView(str(CameraState.STARTING), None)))
        metrics.name_bundle(reader.bundle)

    def replace_reader(self, reader: Reader) -> None:
        """Another bundle reads from now on."""
        self.reader = reader
        self._metrics.name_bundle(reader.bundle)
        self._say_hello()

    def publish(self, state: PageState, frame: Frame | None) -> None:
        """Show a state and, if somebody looks, the frame it was made from."""
        started = time.perf_counter()
        self.hub.publish(state)
        if frame is not None:
            self._metrics.observe_stage("publish", time.perf_counter() - started)
            self._count(state, frame)
            self._show(frame)
        elif state.camera.state != CameraState.LIVE:
            self.hub.forget_picture()

    def frames_within(self, seconds: float) -> int:
        """How many frames were published lately; from any thread."""
        now_s = time.monotonic()
        return sum(1 for at_s in tuple(self._published_s) if now_s - at_s <= seconds)

    def _count(self, state: PageState, frame: Frame) -> None:
        now_s = time.monotonic()
        self._metrics.latency.observe(now_s - frame.time_s)
        self._metrics.frames.inc()
        if state.accepted is not None:
            self._metrics.letters.inc(state.accepted.number - self._letters)
            self._letters = state.accepted.number
        self._published_s.append(now_s)
        self._watchdog.alive()

    def _show(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        if self._frame_size != (size := FrameSize(width, height)):
            self._frame_size = size
            self._say_hello()
        started = time.perf_counter()
        if self.hub.wants_picture(now_s := time.monotonic()):
            self.hub.show(encode_jpeg(frame.picture, JPEG_QUALITY), now_s)
            self._metrics.observe_stage("picture", time.perf_counter() - started)

    def _say_hello(self) -> None:
        self.hub.say_hello(self._make_hello(self.reader, self._frame_size))
