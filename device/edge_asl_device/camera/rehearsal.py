"""A camera that misbehaves when told to, so that a site can see what its kiosk does before it has to.

mkdir rehearsal && cp video.mp4 rehearsal/ && echo live > rehearsal/state
edge-asl-device run models/letters --source rehearsal:rehearsal
echo frozen > rehearsal/state          # what does the page say now?
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Self

import numpy as np

from edge_asl_device.camera import Allocate, CameraError, CameraState, Frame, new_picture
from edge_asl_device.camera.recordings import Video

VIDEO, STATE = "video.mp4", "state"
_RAISED = {"missing": CameraState.MISSING, "busy": CameraState.BUSY, "lost": CameraState.LOST}
_FAULTS: dict[str, Exception] = {
    "no-memory": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "forbidden": PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/dev/dma_heap/linux,cma"),
    "outdated": AttributeError("'Picamera2' object has no attribute 'captured_request'"),
    "taken": RuntimeError("camera.acquire() returned unexpected code: -16"),
    "strange": ZeroDivisionError("division by zero"),
}
STATES = ("live", *_RAISED, *_FAULTS, "frozen", "silent", "black", "wedged", "crash")
_SILENCE_S = 2.0


class Rehearsal:
    """Shows ``video.mp4`` of a folder over and over, as the word in its file ``state`` says; a context manager.

    ``live``; ``missing``, ``busy`` and ``lost`` raise what a real camera raises; ``no-memory``, ``forbidden``,
    ``outdated``, ``taken`` and ``strange`` what its software raises; ``frozen`` repeats one picture; ``silent``
    delivers none until the driver's time limit; ``black`` has the lens covered; ``wedged`` hangs in a driver that no
    signal reaches; ``crash`` is a library that aborts.

    Raises:
        CameraError: the state says so, or is none of these words.
        PictureError: the folder holds no video.
    """

    def __init__(self, folder: Path) -> None:
        self._state = folder / STATE
        if self._told() not in ("live", "lost", "frozen", "silent", "black", "wedged"):
            self._fail(self._told())
        self._video = Video(folder / VIDEO, paced=True, loop=True, pause_s=0.0)

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """The video's frames, or what the state makes of them, at once."""
        still: Frame | None = None
        for frame in self._video.frames(allocate):
            told = self._told()
            if told in _RAISED or told in _FAULTS or told == "crash":
                self._fail(told)
            elif told == "silent":
                self._be_silent()
            elif told == "wedged":
                _wedge()
            elif told == "black":
                frame.picture[:] = 0
            elif told == "frozen":
                still = still or Frame(frame.time_s, frame.picture.copy())
                np.copyto(frame.picture, still.picture)
            if told != "frozen":
                still = None
            yield frame

    def _told(self) -> str:
        try:
            word = self._state.read_text(errors="replace").strip()
        except OSError:
            word = "live"
        if word and word not in STATES:  # empty for an instant whenever a shell writes it
            wrong = f"{self._state}: expected {', '.join(STATES)}, found {word[:40]!r}"
            raise CameraError(CameraState.FAILED, wrong)
        return word or "live"

    def _fail(self, told: str) -> NoReturn:
        if told in _FAULTS:
            raise _FAULTS[told]
        if told == "crash":
            _abort()
        raise CameraError(_RAISED[told], f"{self._state}: rehearsed: the camera is {told}")

    def _be_silent(self) -> None:
        """No frame for as long as a driver waits, then what a driver says."""
        deadline = time.monotonic() + _SILENCE_S
        while self._told() == "silent":
            if time.monotonic() > deadline:
                raise CameraError(CameraState.FROZEN, f"{self._state}: rehearsed: no picture within {_SILENCE_S:g} s")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._video.__exit__(*exception)


def _abort() -> NoReturn:
    """As a C++ library does."""
    sys.stderr.write("terminate called after throwing an instance of 'std::runtime_error'\n  what():  rehearsed\n")
    sys.stderr.flush()
    os.abort()


def _wedge() -> None:
    """Hang as in a driver: whoever waits for this process to end politely waits in vain."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(3600)
