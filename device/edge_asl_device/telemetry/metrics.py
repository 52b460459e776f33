"""Counters and histograms for Prometheus. What is spelled is nobody's business: letters are counted, never named."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from edge_asl_device.camera import CameraState
from edge_asl_device.contract.manifest import Bundle

_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)


class Metrics:
    """Everything that ``/metrics`` tells."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.stage = Histogram(
            "edge_asl_stage_seconds", "Time of each stage of one frame", ["stage"], registry=own, buckets=_SECONDS
        )
        self.latency = Histogram(
            "edge_asl_capture_to_published_seconds", "From a frame's capture to its event", registry=own,
            buckets=_SECONDS,
        )  # fmt: skip
        self.frames = Counter("edge_asl_frames", "Frames that were read", registry=own)
        self.letters = Counter("edge_asl_letters", "Signs that became text", registry=own)
        self.camera = Enum(
            "edge_asl_camera", "What the camera is doing", registry=own, states=[str(state) for state in CameraState]
        )
        self.reopened = Gauge("edge_asl_camera_reopened", "How often the camera was opened again", registry=own)
        self.pages = Gauge("edge_asl_pages", "Pages that listen", registry=own)
        self.reloads = Counter("edge_asl_reloads", "Bundles offered while running", ["result"], registry=own)
        self.speech = Counter("edge_asl_speech", "Texts for the voice", ["result"], registry=own)
        self.bundle = Info("edge_asl_bundle", "The bundle that reads", registry=own)

    def observe_stage(self, stage: str, seconds: float) -> None:
        """One stage of one frame took so long."""
        self.stage.labels(stage).observe(seconds)

    def count_speech(self, result: str) -> None:
        """A text was ``spoken``, ``failed`` or ``dropped``."""
        self.speech.labels(result).inc()

    def name_bundle(self, bundle: Bundle) -> None:
        """This bundle reads from now on."""
        manifest = bundle.manifest
        self.bundle.info({"name": manifest.name, "version": manifest.version, "digest": bundle.digest[:12]})

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
