"""Reading a stream of frames: each is recognised, and what was held becomes text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from edge_asl_device.camera import Camera, Frame
from edge_asl_device.contract.manifest import Bundle
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.inference.loading import Loaded
from edge_asl_device.text.decoder import decoder_with
from edge_asl_device.text.hand_motion import HandMotion
from edge_asl_device.text.transcriber import State, Transcriber

Observe = Callable[[str, float], None]
"""(stage, seconds): fills the histograms."""


class Reading(NamedTuple):
    """What came of one frame."""

    state: State
    square: Square | None
    """Where the hand was looked for; None where none was found."""


class Reader:
    """A recogniser and the transcriber of its stream, each stage timed.

    Args:
        loaded: ready and warm.
        overrides: of the manifest's decoder.
        observe: told how long each stage took.

    Raises:
        EdgeAslError: an override is not one of the decoder's numbers, or out of range.
    """

    def __init__(
        self,
        loaded: Loaded,
        overrides: dict[str, float] | None = None,
        observe: Observe = lambda _stage, _seconds: None,
    ) -> None:
        self.recogniser, self.instead = loaded
        self.decoder = decoder_with(self.bundle.manifest.decoder, overrides or {})
        self.transcriber = Transcriber(self.recogniser.labels, self.decoder)
        self._motion = HandMotion()
        self._observe = observe

    @property
    def bundle(self) -> Bundle:
        """The bundle that reads."""
        return self.recogniser.bundle

    def go_on_from(self, before: Reader) -> None:
        """Take over from another reader, its text and what the hand is doing."""
        self.transcriber = Transcriber(self.recogniser.labels, self.decoder, before.transcriber)
        self._motion = before._motion

    def read(self, frame: Frame) -> Reading:
        """Name the sign in a frame and let it become text when it was held."""
        found = self.recogniser.recognise(frame.picture)
        recognised = time.perf_counter()
        travel = self._motion.travel if found.hand is None else self._motion.measure(found.hand)
        state = self.transcriber.feed(frame.time_s, found.probabilities, travel)
        for stage, seconds in found.stages.items():
            self._observe(stage, seconds)
        self._observe("transcribe", time.perf_counter() - recognised)
        return Reading(state, found.square)

    def read_all(self, camera: Camera) -> Iterator[tuple[float, State]]:
        """(frame time in seconds, what a screen shows) of every frame until the camera ends: none is left out."""
        for frame in camera.frames():
            yield frame.time_s, self.read(frame).state
