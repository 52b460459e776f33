"""What is recorded as camera: a video file, or a folder of pictures that are shown one after the other."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge_asl_device.camera import Allocate, Frame, new_picture
from edge_asl_device.camera.frame_buffer import MAX_PICTURE_BYTES
from edge_asl_device.camera.orientation import turn_of
from edge_asl_device.contract.pictures import SUFFIXES, list_pictures, read_picture
from edge_asl_device.errors import PictureError

PAUSE_S = 3.0
"""Between two showings the last picture is held, so that the audience can read what was spelled."""
FPS = 10
"""Of a folder."""
SHOWN_S = 1.0
"""Of each of its pictures; longer than any letter is held."""
HELD_S = 0.5
"""A frame that a film shows for longer is delivered again: whoever waits for frames takes silence for a fault."""
SHORTEST_HOLD_S = 1 / 60
"""Films with a variable rate may name 1,000 or 90,000 frames a second."""

log = logging.getLogger(__name__)


class Video:
    """A video file, frame by frame; a context manager.

    Args:
        path: anything that OpenCV can decode.
        paced: in the video's own time, stamped with the monotonic clock; else as fast as it can be decoded, stamped
            with the video's time.
        loop: starts again at the end.
        pause_s: how long the last picture is held before that.

    Raises:
        PictureError: missing, or not a video that OpenCV can read.
    """

    def __init__(self, path: Path, *, paced: bool = False, loop: bool = False, pause_s: float = PAUSE_S) -> None:
        if not path.is_file():
            raise PictureError(f"{path}: {'a folder, not a video file' if path.is_dir() else 'no such video file'}")
        if path.suffix.lower() in SUFFIXES:
            raise PictureError(f"{path}: a picture, not a video file; use edge-asl-device classify")
        self._path, self._paced, self._loop, self._pause_s = path, paced, loop, pause_s
        self._capture = cv2.VideoCapture(str(path))
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        # isOpened() stays True after every failure; only a rate and a frame prove a video.
        if not self._capture.isOpened() or not fps > 0:
            self._capture.release()
            raise PictureError(f"{path}: not a video file that OpenCV can read; copy it again, or convert it to MP4")
        self._period_s = 1 / fps
        """Where the container has no time for a frame."""
        self._turn = turn_of(path, self._capture)

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Every frame in order, upright, at the times that the container gives it.

        A frame that is shown for long, as screen recorders write them, is repeated in a paced video.

        Raises:
            PictureError: the video holds not a single frame.
        """
        pace = Pace(self._paced)
        first_step_s = 0.0
        while True:
            last = None
            for step_s, picture in self._showing(first_step_s):
                while self._paced and last is not None and step_s > HELD_S:
                    yield _frame(last, allocate, pace, HELD_S)
                    step_s -= HELD_S
                last = picture
                yield _frame(picture, allocate, pace, step_s)
            if last is None:
                raise PictureError(f"{self._path}: no frames; the file is damaged or empty")
            if not self._loop:
                return
            first_step_s = min(max(self._period_s, SHORTEST_HOLD_S), HELD_S)
            for _ in range(round(self._pause_s / first_step_s)):
                yield _frame(last, allocate, pace, first_step_s)

    def _showing(self, first_step_s: float) -> Iterator[tuple[float, MatLike]]:
        """The video once: seconds since the frame before, and the frame, upright, B, G, R as OpenCV decodes it."""
        before_s: float | None = None
        step_s = first_step_s
        while True:
            delivered, bgr = self._capture.read()
            if not delivered:
                break
            time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if before_s is not None:
                # No time, or one that goes back: raw streams have none.
                step_s = time_s - before_s if time_s > before_s else self._period_s
            before_s = time_s
            yield step_s, self._turn.applied(bgr)
        # Seeking to the first frame is not exact in every container; opening again is.
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._path))
        self._turn = turn_of(self._path, self._capture)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._capture.release()


def _frame(bgr: MatLike, allocate: Allocate, pace: Pace, step_s: float) -> Frame:
    picture = allocate(*bgr.shape[:2])
    cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=picture)
    return Frame(pace.next(step_s), picture)


class Folder:
    """The pictures below a folder, ``SHOWN_S`` each at ``FPS``; a context manager.

    Args:
        path: a folder of pictures.
        paced: in real time; else as fast as they can be decoded.
        loop: starts again after the last.

    Pictures that cannot be read are left out, each with a line in the log.

    Raises:
        PictureError: no folder, or no picture in it.
    """

    def __init__(self, path: Path, *, paced: bool = False, loop: bool = False) -> None:
        self._paths = list_pictures(path)
        self._paced, self._loop = paced, loop

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Every picture ``FPS`` × ``SHOWN_S`` times.

        Raises:
            PictureError: not one of them can be read.
        """
        pace, step_s = Pace(self._paced), 0.0
        while True:
            for picture in self._pictures():
                for _ in range(round(FPS * SHOWN_S)):
                    shown = allocate(*picture.shape[:2])
                    np.copyto(shown, picture)
                    yield Frame(pace.next(step_s), shown)
                    step_s = 1 / FPS
            if not self._loop:
                return

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        for path in tuple(self._paths):
            try:
                yield _fitting(read_picture(path))
            except PictureError as error:
                self._paths.remove(path)
                log.warning("picture left out", extra={"reason": str(error)})
                if not self._paths:
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...


def _fitting(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as large as a camera's may be; larger ones, which phones take, are made smaller."""
    height, width, _ = picture.shape
    scale = math.sqrt(MAX_PICTURE_BYTES / picture.nbytes)
    if scale >= 1:
        return picture
    size = int(width * scale), int(height * scale)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


class Pace:
    """Steps of time: waited for on the monotonic clock, or only counted.

    Args:
        paced: wait; else time is counted from 0 and nobody waits.
    """

    def __init__(self, paced: bool) -> None:
        self._paced = paced
        self._due_s = time.monotonic() if paced else 0.0

    def next(self, step_s: float) -> float:
        """The time of a picture in seconds, ``step_s`` after the one before, once it has come."""
        self._due_s += step_s
        if not self._paced:
            return self._due_s
        now_s = time.monotonic()
        if now_s < self._due_s:
            time.sleep(self._due_s - now_s)
            now_s = time.monotonic()
        # A reader that could not keep up continues from now: nothing is caught up in a burst.
        self._due_s = max(self._due_s, now_s - step_s)
        return now_s
