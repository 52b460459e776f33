"""The whole program on a device: camera, loop, page, outputs, and what systemd and a deployer ask of it.

Frames go one way: the camera's process writes them to shared memory, the loop takes the newest, the mode reads it, the
publisher shows it. Five threads, each started where its work is described:

    main      the server and the signals (``Service._serve``)
    loop      camera, mode, publisher (``Service._loop``); everything that changes lives here
    words     loads a word list (``Transcribing``)
    reload    opens another bundle (``Reloader.start``)
    voice     speaks (``Espeak``)

The others ask the loop's thread by ``Mode.submit`` and read what it last published.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable

from edge_asl_device.camera import CameraState
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.inference.loading import load
from edge_asl_device.kiosk.collecting import Collector
from edge_asl_device.kiosk.ending import Ending
from edge_asl_device.kiosk.health import Health
from edge_asl_device.kiosk.mode import WAIT_S, Mode
from edge_asl_device.kiosk.publishing import Publisher
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.reloading import Reloader, note_processor, status_of
from edge_asl_device.kiosk.settings import Settings
from edge_asl_device.kiosk.transcribing import Transcribing
from edge_asl_device.outputs import Outputs, open_outputs
from edge_asl_device.outputs.output import Context
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import Watchdog, notify
from edge_asl_device.text.languages import LANGUAGES
from edge_asl_device.web.app import make_app
from edge_asl_device.web.server import address_of, listen, make_server

log = logging.getLogger(__name__)


class Service:
    """One run of the program: puts its parts together, then runs loop and server until something ends them.

    Args:
        settings: what the command line asked for.
        announce: told the page's address once it is served.
    """

    def __init__(self, settings: Settings, announce: Callable[[str], None] = lambda _address: None) -> None:
        self._settings, self._announce = settings, announce
        self._metrics, self._watchdog, self._ending = Metrics(), Watchdog(), Ending()
        self.stored = 0
        """Pictures stored, once ``run`` has returned."""

    def run(self) -> int:
        """Until SIGTERM or SIGINT, or until every picture is stored; the exit status.

        Raises:
            EdgeAslError: the port is taken, or the bundle cannot be run.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
        settings = self._settings
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(listen(settings.host, settings.port))
            # The camera takes longest to open: it does so while everything else is made ready.
            self._camera = stack.enter_context(CameraSupervisor(settings.source, loop=settings.loop))
            reader = self._open_reader()
            language, observe = LANGUAGES[settings.language], self._metrics.observe_speech
            context = Context(language, settings.muted, settings.as_json, observe)
            self._assemble(reader, stack.enter_context(open_outputs(settings.outputs, context)))
            loop = threading.Thread(target=self._loop, name="loop", daemon=True)
            loop.start()
            asyncio.run(self._serve(listening))
            self._ending.begin()
            loop.join(1)
        self.stored = self._mode.stored
        return self._ending.exit_status

    def _open_reader(self, *, trial: bool = False) -> Reader:
        settings = self._settings
        loaded = load(settings.bundle, settings.runtime, settings.threads, trial=trial)
        return Reader(loaded, settings.decoder, self._metrics.observe_stage)

    def _assemble(self, reader: Reader, outputs: Outputs) -> None:
        settings, metrics = self._settings, self._metrics
        self._publisher = Publisher(secrets.token_hex(8), settings, reader, metrics, self._watchdog)
        self._mode = self._make_mode(reader, outputs)
        health = self._health = Health(self._camera, self._publisher, outputs, metrics, self._ending.begun)
        hub = self._publisher.hub
        self._server = make_server(make_app(hub, health.facts, health.metrics, self._mode.command, settings.token))
        self._ending.call(hub.close, self._server.stop)

    def _make_mode(self, reader: Reader, outputs: Outputs) -> Mode:
        settings, publish = self._settings, self._publisher.publish
        mode: Mode
        if settings.collection is not None:
            mode = Collector(settings.collection, reader, publish)
        else:
            mode = Transcribing(reader, outputs, publish, settings.clear_after_s, self._metrics, settings.language)
        note_processor(mode, reader)
        return mode

    def _loop(self) -> None:
        """The loop's thread: camera, mode, publisher and outputs."""
        try:
            while not self._ending.begun.is_set():
                self._between_frames()
                self._take_frame()
        except Exception:
            # A bug must not leave a page that looks alive: end, and let systemd start it again.
            log.exception("the loop failed")
            self._ending.exit_status = 1
        finally:
            self._ending.begin()

    def _take_frame(self) -> None:
        started = time.monotonic()
        frame = self._camera.next(WAIT_S)
        if frame is None:
            self._mode.no_frame(self._camera)
            return
        self._mode.frame(frame, self._camera)
        if self._settings.max_fps:
            self._ending.begun.wait(max(0.0, started + 1 / self._settings.max_fps - time.monotonic()))

    def _between_frames(self) -> None:
        """Buttons, a new bundle, the watchdog."""
        self._health.beat()
        self._mode.run_tasks()
        if self._mode.finished:
            self._ending.begin()
        if self._camera.status.state is not CameraState.LIVE:
            # No frame to read, but the camera is being looked after; a live one must prove itself by frames.
            self._watchdog.alive()

    async def _serve(self, listening: socket.socket) -> None:
        """The main thread: pages and signals; the hub alone connects it to the loop's."""
        settings, loop = self._settings, asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.begin)
        open_reader = functools.partial(self._open_reader, trial=True)
        reloader = Reloader(open_reader, self._mode, self._publisher, self._metrics)
        loop.add_signal_handler(signal.SIGHUP, reloader.start)
        address, bundle = address_of(settings.host, listening), self._publisher.reader.bundle
        log.info("ready", extra={"page": address, "bundle": bundle.digest[:12]})
        self._announce(f"{address}?token={settings.token}" if settings.token else address)
        notify(READY=1, STATUS=status_of(self._mode.activity, bundle))
        await self._server.serve(sockets=[listening])
