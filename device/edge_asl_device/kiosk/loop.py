"""The loop: newest frame → square → preprocess → invoke → transcriber → publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from edge_asl_device.camera import Camera, Frame
from edge_asl_device.camera.supervisor import CameraStatus
from edge_asl_device.contract.decode import probabilities
from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.contract.preprocess import centre_square, crop, preprocess
from edge_asl_device.inference.classifier import Classifier
from edge_asl_device.text.hand_motion import HandMotion
from edge_asl_device.text.transcriber import State, Transcriber

WAIT_S = 0.1
"""How long the loop waits for a frame before it looks after everything else."""

Observe = Callable[[str, float], None]
"""(stage, seconds): fills the histograms."""


class Feed(Protocol):
    """Where the loop's frames come from."""

    status: CameraStatus

    @property
    def brightness(self) -> float | None:
        """Mean of the last frame, 0 to 255."""
        ...

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame, or None when there is none within the time."""
        ...


class Consumer(Protocol):
    """What is done with frames: reading signs, or storing pictures."""

    def frame(self, frame: Frame, feed: Feed) -> None:
        """Take in one frame; its memory is only lent."""
        ...

    def no_frame(self, feed: Feed) -> None:
        """Nothing came for ``WAIT_S``."""
        ...


class Reader:
    """A classifier and the transcriber of its stream, each stage timed.

    Args:
        classifier: ready and warm.
        decoder: when a stream of predictions becomes text.
        observe: told how long each stage took.
    """

    def __init__(self, classifier: Classifier, decoder: Decoder, observe: Observe) -> None:
        self.classifier = classifier
        self.decoder = decoder
        self.transcriber = Transcriber(classifier.labels, decoder)
        self._sideways = HandMotion()
        self._observe = observe

    def go_on_from(self, before: Reader) -> None:
        """Take over from another reader, its text and what the hand is doing."""
        self.transcriber = Transcriber(self.classifier.labels, self.decoder, before.transcriber)
        self._sideways = before._sideways

    def read(self, frame: Frame) -> State:
        """Name the sign in a frame and let it become text when it was held."""
        started = time.perf_counter()
        square = crop(frame.picture, centre_square(*frame.picture.shape[:2]))
        tensor = preprocess(square, self.classifier.bundle.manifest.input)
        prepared = time.perf_counter()
        predicted = probabilities(self.classifier.engine.invoke(tensor))
        invoked = time.perf_counter()
        state = self.transcriber.feed(frame.time_s, predicted, self._sideways.measure(square))
        self._observe("preprocess", prepared - started)
        self._observe("invoke", invoked - prepared)
        self._observe("transcribe", time.perf_counter() - invoked)
        return state


def run_loop(
    feed: Feed,
    consumer: Consumer,
    stop: threading.Event,
    *,
    between: Callable[[], None],
    max_fps: float | None = None,
) -> None:
    """Until ``stop`` is set: take the newest frame, hand it on, look after everything else.

    Args:
        feed: where frames come from.
        consumer: what is done with them.
        stop: ends the loop within ``WAIT_S``.
        between: called between two frames: buttons, a new bundle, the watchdog.
        max_fps: at most so many frames a second; the others are never looked at.
    """
    period_s = 1 / max_fps if max_fps else 0.0
    while not stop.is_set():
        started = time.monotonic()
        between()
        frame = feed.next(WAIT_S)
        if frame is None:
            consumer.no_frame(feed)
            continue
        consumer.frame(frame, feed)
        if (left_s := started + period_s - time.monotonic()) > 0:
            stop.wait(left_s)


def read_signs(camera: Camera, reader: Reader) -> Iterator[tuple[float, State]]:
    """(frame time in seconds, what a screen shows) for every frame until the camera ends: no frame is left out."""
    for frame in camera.frames():
        yield frame.time_s, reader.read(frame)
