"""A new bundle while the kiosk reads: checked and warmed beside the old one, then taken between two frames."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge_asl_device.contract.bundle import Bundle
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.kiosk.mode import Mode
from edge_asl_device.kiosk.publishing import Publisher
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import notify
from edge_asl_device.web.messages import Notice

log = logging.getLogger(__name__)


def status_of(activity: str, bundle: Bundle) -> str:
    """What ``systemctl status`` shows: ``reading with letters 0123456789ab``."""
    return f"{activity} with {bundle.manifest.name} {bundle.digest[:12]}"


def note_processor(mode: Mode, reader: Reader) -> None:
    """Say, or no longer say, that a bundle with a model for the Edge TPU runs on the processor."""
    mode.withdraw("processor-instead-of-edgetpu")
    if reader.instead:
        mode.note(Notice("processor-instead-of-edgetpu", reader.instead), stays=True)


class Reloader:
    """Offers what the bundle's path names now to the loop, or says why not.

    Args:
        open_reader: opens it, after a trial in a process of its own.
        mode: reads with it.
        publisher: tells pages of it.
        metrics: counts what was taken and refused.
    """

    def __init__(self, open_reader: Callable[[], Reader], mode: Mode, publisher: Publisher, metrics: Metrics) -> None:
        self._open_reader, self._mode, self._publisher, self._metrics = open_reader, mode, publisher, metrics
        self._one_at_a_time = threading.Lock()

    def start(self) -> None:
        """Reload soon; returns at once.

        Opening takes seconds, so each reload has a thread of its own; it hands the result to the loop's thread.
        """
        threading.Thread(target=self._reload, name="reload", daemon=True).start()

    def _reload(self) -> None:
        with self._one_at_a_time:
            notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
            try:
                reader = self._open_reader()
                self._mode.submit(lambda: self._take(reader))
            except Exception as error:
                # Also what nobody foresaw: whatever is wrong with the new one, the old one keeps reading.
                if not isinstance(error, EdgeAslError):
                    log.exception("reload failed")
                self._refuse(str(error))
            finally:
                notify(READY=1)

    def _refuse(self, reason: str) -> None:
        still = self._publisher.reader.bundle.digest[:12]
        log.warning("bundle refused", extra={"reason": reason, "still": still})
        self._metrics.reloads.labels("refused").inc()
        notice = Notice("model-refused", reason)
        self._mode.submit(lambda: self._mode.note(notice, stays=True))

    def _take(self, reader: Reader) -> None:
        """In the loop's thread, between two frames."""
        bundle, before = reader.bundle, self._publisher.reader.bundle
        self._mode.replace_reader(reader)
        self._publisher.replace_reader(reader)
        self._mode.withdraw("model-refused")
        note_processor(self._mode, reader)
        if bundle.digest != before.digest:
            self._mode.note(Notice("model-changed", f"{bundle.manifest.name} {bundle.manifest.version}"))
        self._metrics.reloads.labels("taken").inc()
        notify(STATUS=status_of(self._mode.activity, bundle))
        log.info("bundle taken", extra={"bundle": bundle.digest[:12]})
