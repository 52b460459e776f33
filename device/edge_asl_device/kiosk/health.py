"""What ``/healthz`` and ``/metrics`` answer, from any thread."""

from __future__ import annotations

import threading
import time

import msgspec

from edge_asl_device import __version__
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.kiosk.publishing import Publisher
from edge_asl_device.outputs import Outputs
from edge_asl_device.telemetry.board import read_board
from edge_asl_device.telemetry.metrics import Metrics

STALLED_S = 2.0


class Health:
    """Reads what the loop's thread writes; only ``beat`` writes here, and only the loop calls it.

    Args:
        camera: whose state is reported.
        publisher: whose bundle reads, and which frames it published.
        outputs: whose state is reported.
        metrics: what has been counted so far.
        ending: set once the program is about to end.
    """

    def __init__(
        self,
        camera: CameraSupervisor,
        publisher: Publisher,
        outputs: Outputs,
        metrics: Metrics,
        ending: threading.Event,
    ) -> None:
        self._camera, self._publisher, self._outputs, self._metrics = camera, publisher, outputs, metrics
        self._ending = ending
        self._beat_s = time.monotonic()

    def beat(self) -> None:
        """The loop has come round."""
        self._beat_s = time.monotonic()

    def facts(self) -> tuple[bool, dict[str, object]]:
        """Whether signs are being read, and everything that a deployer or a monitor wants to know."""
        now_s = time.monotonic()
        ready = now_s - self._beat_s < STALLED_S and not self._ending.is_set()
        status, reader = self._camera.status, self._publisher.reader
        manifest, engine = reader.bundle.manifest, reader.recogniser.engine
        return ready, {
            "ready": ready,
            "program": __version__,
            "run": self._publisher.run,
            "bundle": {
                "name": manifest.name,
                "version": manifest.version,
                "digest": reader.bundle.digest,
                "models": list(reader.bundle.models),
            },
            "runtime": engine.runtime,
            "accelerator": engine.accelerator,
            "frames_10s": self._publisher.frames_within(10),
            "camera": {"state": str(status.state), "reason": status.reason, "for_s": round(now_s - status.since_s, 1)},
            "voice": self._outputs.state,
            "board": msgspec.to_builtins(read_board()),
        }

    def metrics(self) -> bytes:
        """The text of ``/metrics``, with what is read only when somebody asks."""
        metrics = self._metrics
        metrics.camera.state(str(self._camera.status.state))
        metrics.reopened.set(self._camera.reopened)
        metrics.pages.set(self._publisher.hub.pages)
        metrics.show_board(read_board())
        return metrics.text()
