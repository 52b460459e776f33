"""What the loop hands to the page: states, pictures, and what hardly ever changes; counted on the way."""

from __future__ import annotations

import time
from collections import deque

import msgspec

from edge_asl_device import __version__
from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.contract.manifest import HandManifest
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.kiosk.practising import touchless
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.settings import Settings
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import Watchdog
from edge_asl_device.web.app import STATIC
from edge_asl_device.web.broadcast import Hub
from edge_asl_device.web.messages import BundleView, CameraView, FrameSize, HandView, Hello, PageState, Sign, SquareView

JPEG_QUALITY = 80


class Publisher:
    """Writes to the hub; in the loop's thread.

    Args:
        run: another one after every start.
        settings: language, mode and mirror, which every page is told.
        reader: with the bundle that reads.
        metrics: counts frames and letters, and times the way to the page.
        watchdog: told of every frame.
    """

    def __init__(self, run: str, settings: Settings, reader: Reader, metrics: Metrics, watchdog: Watchdog) -> None:
        self.run, self.reader = run, reader
        self._settings, self._metrics, self._watchdog = settings, metrics, watchdog
        self._frame_size: FrameSize | None = None
        self._letters = 0
        self._pictured: tuple[SquareView | None, HandView | None] = (None, None)
        self._published_s: deque[float] = deque(maxlen=2000)
        self.hub = Hub(self._hello(), PageState(CameraView(str(CameraState.STARTING), None)))
        metrics.name_bundle(reader.bundle)

    def replace_reader(self, reader: Reader) -> None:
        """Another bundle reads from now on."""
        self.reader = reader
        self._metrics.name_bundle(reader.bundle)
        self.hub.say_hello(self._hello())

    def publish(self, state: PageState, frame: Frame | None) -> None:
        """Show a state and, if somebody looks, the frame it was made from."""
        started = time.perf_counter()
        pictured = frame is not None and self.hub.wants_picture(time.monotonic())
        self.hub.publish(self._in_step(state, pictured))
        if frame is not None:
            self._metrics.observe_stage("publish", time.perf_counter() - started)
            self._count(state, frame)
            self._greet(frame)
            if pictured:
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

    def _in_step(self, state: PageState, pictured: bool) -> PageState:
        """Pages get fewer pictures than states: the hand drawn over one is that of the very frame it shows."""
        if pictured or not self.hub.looked_at or state.camera.state != CameraState.LIVE:
            self._pictured = state.square, state.hand
            return state
        square, hand = self._pictured
        return msgspec.structs.replace(state, square=square, hand=hand)

    def _greet(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        if self._frame_size != (size := FrameSize(width, height)):
            self._frame_size = size
            self.hub.say_hello(self._hello())

    def _show(self, frame: Frame) -> None:
        started = time.perf_counter()
        self.hub.show(encode_jpeg(frame.picture, JPEG_QUALITY), time.monotonic())
        self._metrics.observe_stage("picture", time.perf_counter() - started)

    def _hello(self) -> Hello:
        settings, bundle = self._settings, self.reader.bundle
        return Hello(
            program=__version__,
            run=self.run,
            language=settings.language,
            mode="read" if settings.collection is None else "capture",
            mirror=settings.mirror,
            private=settings.private,
            hold_s=self.reader.decoder.hold_s,
            attract_after_s=settings.attract_after_s,
            touchless=touchless(bundle.labels) and isinstance(bundle.manifest, HandManifest),
            guide="anywhere" if isinstance(bundle.manifest, HandManifest) else "square",
            frame=self._frame_size,
            bundle=BundleView(bundle.manifest.name, bundle.manifest.version, bundle.digest),
            signs=tuple(Sign(label, _picture_of(label)) for label in bundle.labels),
        )


def _picture_of(label: str) -> str | None:
    """The drawing of its handshape; a label may be anything, even what cannot be a file name."""
    name = f"signs/{label}.webp"
    return f"/static/{name}" if label.isalnum() and (STATIC / name).is_file() else None
