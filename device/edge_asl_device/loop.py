"""The loop: frame → classify → transcribe."""

from __future__ import annotations

from collections.abc import Iterator

from edge_asl_device.camera import Camera
from edge_asl_device.classifier import Classifier
from edge_asl_device.transcriber import State, Transcriber


def read_signs(camera: Camera, classifier: Classifier, transcriber: Transcriber) -> Iterator[tuple[float, State]]:
    """(frame time in seconds, what a screen shows) for every frame until the camera ends."""
    for frame in camera.frames():
        yield frame.time_s, transcriber.feed(frame.time_s, classifier.probabilities(frame.picture))
