"""Reading a stream of frames: each is recognised, and what was held becomes text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import Frame
from edge_asl_device.contract.manifest import Decoder
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.inference.loading import Loaded
from edge_asl_device.text.hand_motion import HandMotion
from edge_asl_device.text.movement import Movement
from edge_asl_device.text.transcriber import State, Transcriber

SLOWER = 2.0


class Reading(NamedTuple):
    """What came of one frame."""

    state: State
    square: Square | None
    """The part of the frame that was read; None where no hand was found."""
    landmarks: NDArray[np.float32] | None
    """As ``Recognition``'s."""
    still: bool
    """As ``Motion``'s."""
    company: bool = False
    """As ``Recognition``'s."""
    left: bool = False
    """As ``Recognition``'s."""


class Reader:
    """A recogniser and the transcriber of its stream, each stage timed.

    Args:
        loaded: ready and warm.
        overrides: of the manifest's decoder.
        observe: told each stage of a frame and how many seconds it took.

    Raises:
        EdgeAslError: an override is not one of the decoder's numbers, or out of range.
    """

    def __init__(
        self,
        loaded: Loaded,
        overrides: dict[str, float] | None = None,
        observe: Callable[[str, float], None] = lambda _stage, _seconds: None,
    ) -> None:
        self.recogniser, self.instead = loaded
        self.bundle = self.recogniser.bundle
        self.decoder = decoder_with(self.bundle.manifest.decoder, overrides or {})
        self.transcriber = Transcriber(self.recogniser.labels, self.decoder)
        self._movement = Movement(self.recogniser.labels)
        self._hand_motion = HandMotion()
        self._observe = observe

    def take_over_from(self, before: Reader) -> None:
        """Take over from another reader, its text and what the hand is doing."""
        self.transcriber = Transcriber(self.recogniser.labels, self.decoder, before.transcriber)
        self._movement, self._hand_motion = before._movement, before._hand_motion
        self._movement.look_for(self.recogniser.labels)

    def give_more_time(self, *, slow: bool) -> None:
        """Twice the bundle's times for who signs slowly, or the bundle's."""
        times = {name: getattr(self.decoder, name) * SLOWER for name in ("hold_s", "release_s", "word_pause_s")}
        self.transcriber.use(msgspec.structs.replace(self.decoder, **times) if slow else self.decoder)

    def read(self, frame: Frame) -> Reading:
        """Name the sign in a frame and let it become text when it was held."""
        found = self.recogniser.recognise(frame.picture, time_s=frame.time_s)
        recognised = time.perf_counter()
        motion = self._movement.seen(frame.time_s, found.landmarks)
        if found.hand is not None and found.landmarks is None:
            self._hand_motion.measure(found.hand)
        state = self.transcriber.feed(frame.time_s, found.probabilities, self._hand_motion.travel, motion)
        for stage, seconds in found.stages.items():
            self._observe(stage, seconds)
        self._observe("transcribe", time.perf_counter() - recognised)
        shown = found.landmarks if found.shown is None else found.shown
        return Reading(state, found.square, shown, motion.still, found.company, found.left)


def decoder_with(decoder: Decoder, overrides: dict[str, float]) -> Decoder:
    """The manifest's decoder with some numbers replaced.

    Raises:
        EdgeAslError: no such number, or out of range.
    """
    values = msgspec.to_builtins(decoder)
    for name, value in overrides.items():
        if name not in values:
            raise EdgeAslError(f"--decoder {name}: no such setting; choose one of {', '.join(values)}")
        highest = 1.0 if name.endswith("probability") else 60.0
        if not 0 <= value <= highest:
            raise EdgeAslError(f"--decoder {name}: expected 0 to {highest:g}, found {value:g}")
        values[name] = value
    changed = msgspec.convert(values, Decoder)
    if changed.release_probability > changed.accept_probability:
        raise EdgeAslError(
            f"--decoder: expected release_probability up to accept_probability ({changed.accept_probability:g}), "
            f"found {changed.release_probability:g}"
        )
    return changed
