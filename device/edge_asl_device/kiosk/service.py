"""The whole program on a device: camera, loop, page, voice, and what systemd and a deployer ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from edge_asl_device import __version__
from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.camera.source import Source
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.inference.loading import load
from edge_asl_device.kiosk.collecting import Collection, Collector
from edge_asl_device.kiosk.loop import run_loop
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.transcribing import Kiosk
from edge_asl_device.outputs.speech import Espeak
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import Watchdog, monotonic_usec, notify
from edge_asl_device.web.app import make_app
from edge_asl_device.web.broadcast import Hub
from edge_asl_device.web.hello import greeting
from edge_asl_device.web.messages import CameraView, FrameSize, Hello, Notice, PageState
from edge_asl_device.web.server import address_of, listen, make_server

JPEG_QUALITY = 80
STALLED_S = 2.0
END_LIMIT_S = 1.5
"""After SIGTERM; systemd and whoever waits at a terminal get their answer within two seconds, whatever hangs."""

log = logging.getLogger(__name__)


class Settings(Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    bundle: Path
    source: Source
    loop_film: bool = False
    runtime: str = "auto"
    threads: int = 1
    max_fps: float | None = None
    decoder: dict[str, float] = {}
    """Overrides of the manifest's decoder."""
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    language: str = "en"
    mirror: bool = True
    muted: bool = False
    clear_after_s: float | None = 60.0
    collection: Collection | None = None
    """Store pictures instead of reading signs."""


class Service:
    """One run of the program.

    Raises:
        EdgeAslError: the port is taken, or the bundle cannot be run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._run = secrets.token_hex(8)
        self._stop = threading.Event()
        self._reloading = threading.Lock()
        self._failed = False
        self._beat_s = time.monotonic()
        self._frames: deque[float] = deque(maxlen=2000)
        self._frame_size: FrameSize | None = None
        self._accepted = 0
        self.metrics = Metrics()
        self._watchdog = Watchdog()

    @property
    def stored(self) -> int:
        """How many pictures were stored."""
        return self._consumer.stored_in_all if isinstance(self._consumer, Collector) else 0

    def run(self, announce: Callable[[str], None] = lambda _address: None) -> int:
        """Until SIGTERM or SIGINT; the exit status.

        Args:
            announce: told the page's address once it is served.
        """
        self._announce = announce
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
        settings = self._settings
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(listen(settings.host, settings.port))
            # The camera takes longest to open: it does so while everything else is made ready.
            self._camera = stack.enter_context(CameraSupervisor(settings.source, loop=settings.loop_film))
            self._reader = reader = self._open_reader()
            self._voice = stack.enter_context(Espeak(muted=settings.muted, observe=self._count_speech))
            self._hub = Hub(self._hello(), PageState(CameraView(str(CameraState.STARTING), None)))
            self._consumer = self._make_consumer(reader)
            self._name_bundle(reader)
            self._server = make_server(make_app(self._hub, self._health, self._metrics, self._command, settings.token))
            thread = threading.Thread(target=self._loop, name="loop", daemon=True)
            thread.start()
            asyncio.run(self._serve(listening))
            self._stop.set()
            thread.join(1)
        return 1 if self._failed else 0

    def _open_reader(self, *, trial: bool = False) -> Reader:
        settings = self._settings
        loaded = load(settings.bundle, settings.runtime, settings.threads, trial=trial)
        return Reader(loaded, settings.decoder, self.metrics.observe_stage)

    def _make_consumer(self, reader: Reader) -> Kiosk | Collector:
        settings = self._settings
        if settings.collection is not None:
            return Collector(settings.collection, reader.recogniser.locator, self._publish)
        kiosk = Kiosk(reader, self._voice, self._publish, settings.clear_after_s)
        if reader.instead:
            kiosk.note(Notice("processor-instead-of-edgetpu", reader.instead), stays=True)
        threading.Thread(target=self._load_words, args=(kiosk,), name="words", daemon=True).start()
        return kiosk

    @staticmethod
    def _load_words(kiosk: Kiosk) -> None:
        from edge_asl_device.text.suggestions import Words

        words = Words.load()
        kiosk.submit(lambda: kiosk.take_words(words))

    # the loop's thread

    def _loop(self) -> None:
        try:
            run_loop(self._camera, self._consumer, self._stop, between=self._between, max_fps=self._settings.max_fps)
        except Exception:
            # A bug must not leave a page that looks alive: end, and let systemd start anew.
            log.exception("the loop failed")
            self._failed = True
        finally:
            self._end()

    def _between(self) -> None:
        self._beat_s = time.monotonic()
        self._consumer.run_tasks()
        if isinstance(self._consumer, Collector) and self._consumer.finished:
            self._end()
        if self._camera.status.state is not CameraState.LIVE:
            # No frame to read, but the camera is being looked after; a live one must prove itself by frames.
            self._watchdog.alive()

    def _publish(self, state: PageState, frame: Frame | None) -> None:
        started = time.perf_counter()
        self._hub.publish(state)
        if frame is None:
            if state.camera.state != CameraState.LIVE:
                self._hub.forget_picture()
            return
        now_s = time.monotonic()
        self.metrics.observe_stage("publish", time.perf_counter() - started)
        self.metrics.latency.observe(now_s - frame.time_s)
        self.metrics.frames.inc()
        if state.accepted is not None:
            self.metrics.letters.inc(state.accepted.number - self._accepted)
            self._accepted = state.accepted.number
        self._frames.append(now_s)
        self._watchdog.alive()
        self._note_size(frame)
        if self._hub.wants_picture(now_s):
            self._show(frame, now_s)

    def _show(self, frame: Frame, now_s: float) -> None:
        started = time.perf_counter()
        self._hub.show(encode_jpeg(frame.picture, JPEG_QUALITY), now_s)
        self.metrics.observe_stage("picture", time.perf_counter() - started)

    def _note_size(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        size = FrameSize(width, height)
        if size != self._frame_size:
            self._frame_size = size
            self._hub.say_hello(self._hello())

    def _hello(self) -> Hello:
        settings = self._settings
        return greeting(
            self._reader,
            self._frame_size,
            run=self._run,
            language=settings.language,
            mode="read" if settings.collection is None else "capture",
            mirror=settings.mirror,
            voice=self._voice.state,
        )

    def _count_speech(self, result: str) -> None:
        self.metrics.speech.labels(result).inc()

    # the server's thread

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._hub.serve(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        address = address_of(self._settings.host, listening)
        log.info("ready", extra={"page": address, "bundle": self._digest()})
        self._announce(f"{address}?token={self._settings.token}" if self._settings.token else address)
        does = "reading" if self._settings.collection is None else "storing pictures"
        notify(READY=1, STATUS=f"{does} with {self._reader.bundle.manifest.name} {self._digest()}")
        await self._server.serve(sockets=[listening])

    def _end(self) -> None:
        """End everything, from any thread; what does not end in time is left behind."""
        if self._stop.is_set():
            return
        notify(STOPPING=1)
        self._stop.set()
        self._hub.close()
        self._server.should_exit = True
        guard = threading.Timer(END_LIMIT_S, _leave, (1 if self._failed else 0,))
        guard.daemon = True
        guard.start()

    def _command(self, name: str, wanted: dict[str, object]) -> None:
        self._consumer.command(name, wanted)

    def _metrics(self) -> bytes:
        self.metrics.camera.state(str(self._camera.status.state))
        self.metrics.reopened.set(self._camera.reopened)
        self.metrics.pages.set(self._hub.pages)
        return self.metrics.text()

    def _health(self) -> tuple[bool, dict[str, object]]:
        now_s = time.monotonic()
        ready = now_s - self._beat_s < STALLED_S and not self._stop.is_set()
        status, bundle = self._camera.status, self._reader.bundle
        return ready, {
            "ready": ready,
            "program": __version__,
            "run": self._run,
            "bundle": {"name": bundle.manifest.name, "version": bundle.manifest.version, "digest": bundle.digest},
            "runtime": self._reader.recogniser.engine.runtime,
            "accelerator": self._reader.recogniser.engine.accelerator,
            "frames_10s": sum(1 for at_s in tuple(self._frames) if now_s - at_s <= 10),
            "camera": {
                "state": str(status.state),
                "reason": status.reason,
                "for_s": round(now_s - status.since_s, 1),
            },
            "voice": self._voice.state,
        }

    # a new bundle

    def _reload_soon(self) -> None:
        threading.Thread(target=self._reload, name="reload", daemon=True).start()

    def _reload(self) -> None:
        """Check and warm what the bundle's path names now, while the old one reads; keep it out if it fails."""
        with self._reloading:
            notify(RELOADING=1, MONOTONIC_USEC=monotonic_usec())
            try:
                self._offer()
            except Exception as error:
                # Also what nobody foresaw: whatever is wrong with the new one, the old one reads on.
                if not isinstance(error, EdgeAslError):
                    log.exception("reload failed")
                log.warning("bundle refused", extra={"reason": str(error), "still": self._digest()})
                self.metrics.reloads.labels("refused").inc()
                refused = Notice("model-refused", str(error))
                self._consumer.submit(lambda: self._note(refused, stays=True))
            finally:
                notify(READY=1)

    def _offer(self) -> None:
        reader = self._open_reader(trial=True)
        self._consumer.submit(lambda: self._take(reader))

    def _take(self, reader: Reader) -> None:
        """In the loop's thread, between two frames."""
        same = reader.bundle.digest == self._reader.bundle.digest
        self._reader = reader
        self._name_bundle(reader)
        if isinstance(self._consumer, Kiosk):
            self._consumer.replace(reader)
            self._consumer.forget("model-refused")
            if not same:
                manifest = reader.bundle.manifest
                self._note(Notice("model-changed", f"{manifest.name} {manifest.version}"), stays=False)
        self.metrics.reloads.labels("taken").inc()
        self._hub.say_hello(self._hello())
        log.info("bundle taken", extra={"bundle": self._digest()})

    def _note(self, notice: Notice, *, stays: bool) -> None:
        if isinstance(self._consumer, Kiosk):
            self._consumer.note(notice, stays=stays)

    def _name_bundle(self, reader: Reader) -> None:
        manifest = reader.bundle.manifest
        self.metrics.bundle.info(
            {"name": manifest.name, "version": manifest.version, "digest": reader.bundle.digest[:12]}
        )

    def _digest(self) -> str:
        return self._reader.bundle.digest[:12]


def _leave(status: int) -> None:
    log.warning("something hangs; leaving it behind")
    os._exit(status)
