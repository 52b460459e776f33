"""Counters and histograms for Prometheus. What is spelled is private: letters are counted, never named."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from edge_asl_device.camera import CameraState
from edge_asl_device.contract.bundle import Bundle
from edge_asl_device.telemetry.board import Board

_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)


class Metrics:
    """Everything that ``/metrics`` reports."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.stage = Histogram(
            "edge_asl_stage_seconds", "Duration of each stage of a frame", ["stage"], registry=own, buckets=_SECONDS
        )
        self.latency = Histogram(
            "edge_asl_capture_to_published_seconds", "From the capture of a frame to its event", registry=own,
            buckets=_SECONDS,
        )  # fmt: skip
        self.frames = Counter("edge_asl_frames", "Frames read", registry=own)
        self.letters = Counter("edge_asl_letters", "Signs that were read, for a text or for practice", registry=own)
        self.visits = Counter("edge_asl_visits", "Visitors who showed a hand or touched the screen", registry=own)
        self.presses = Counter("edge_asl_presses", "Buttons pressed", ["button"], registry=own)
        self.practised = Counter("edge_asl_practice_words", "Words spelled for practice, without a skip", registry=own)
        self.skipped = Counter("edge_asl_practice_skips", "Signs skipped in practice", registry=own)
        self.hand = Counter("edge_asl_hand_seconds", "Time with a hand in the picture", registry=own)
        self.unread = Counter(
            "edge_asl_unread_hand_seconds", "Time with a hand in the picture and no letter in front", registry=own
        )
        self.camera = Enum(
            "edge_asl_camera", "State of the camera", registry=own, states=[str(state) for state in CameraState]
        )
        self.reopened = Gauge("edge_asl_camera_reopened", "Times the camera was reopened", registry=own)
        self.pages = Gauge("edge_asl_pages", "Pages connected", registry=own)
        self.reloads = Counter("edge_asl_reloads", "Bundles reloaded while running", ["result"], registry=own)
        self.speech = Counter("edge_asl_speech", "Texts given to the voice", ["result"], registry=own)
        self._board = {
            name: Gauge(f"edge_asl_board_{name}", help_text, registry=own)
            for name, help_text in {
                "temperature_celsius": "Temperature of the processor; not a number where the machine does not tell",
                "undervoltage": "1 while the power supply is too weak",
                "throttled": "1 while the processor is slowed down",
                "disk_errors": "Errors that ext4 has found on the disk",
            }.items()
        }
        self.bundle = Info("edge_asl_bundle", "The bundle in use", registry=own)

    def observe_stage(self, stage: str, seconds: float) -> None:
        """One stage of one frame took so long."""
        self.stage.labels(stage).observe(seconds)

    def observe_speech(self, result: str) -> None:
        """A text given to the voice was ``spoken``, ``failed`` or ``dropped``."""
        self.speech.labels(result).inc()

    def name_bundle(self, bundle: Bundle) -> None:
        """This bundle reads from now on."""
        manifest = bundle.manifest
        self.bundle.info({"name": manifest.name, "version": manifest.version, "digest": bundle.digest[:12]})

    def show_board(self, board: Board) -> None:
        """What the machine says of itself."""
        values = (board.temperature_c, board.undervoltage, board.throttled, board.disk_errors)
        for gauge, value in zip(self._board.values(), values, strict=True):
            gauge.set(math.nan if value is None else float(value))

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
