"""What is recorded as camera: a video file, or a folder of pictures that are shown one after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge_asl_device.camera import Allocate, Frame, new_picture
from edge_asl_device.contract.pictures import SUFFIXES, list_pictures, read_picture
from edge_asl_device.errors import PictureError

PAUSE_S = 3.0
"""Between two showings the last picture is held, so that the audience can read what was spelled."""
FPS = 10
"""Of a folder."""
SHOWN_S = 1.0
"""Of each of its pictures; longer than any letter is held."""

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
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)
        # isOpened() stays True after every failure; only a rate and a frame prove a video.
        if not self._capture.isOpened() or not self._fps > 0:
            self._capture.release()
            raise PictureError(f"{path}: not a video file that OpenCV can read")

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Every frame in order.

        Raises:
            PictureError: the video holds not a single frame.
        """
        pace = Pace(1 / self._fps, self._paced)
        while True:
            last = None
            for bgr in self._showing():
                last = bgr
                yield _frame(bgr, allocate, pace)
            if last is None:
                raise PictureError(f"{self._path}: no frames; the file is damaged or empty")
            if not self._loop:
                return
            for _ in range(round(self._pause_s * self._fps)):
                yield _frame(last, allocate, pace)

    def _showing(self) -> Iterator[MatLike]:
        """The video once, B, G, R as OpenCV decodes it."""
        while True:
            delivered, bgr = self._capture.read()
            if not delivered:
                break
            yield bgr
        # Seeking to the first frame is not exact in every container; opening again is.
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._capture.release()


def _frame(bgr: MatLike, allocate: Allocate, pace: Pace) -> Frame:
    picture = allocate(*bgr.shape[:2])
    cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=picture)
    return Frame(pace.next(), picture)


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
        pace = Pace(1 / FPS, self._paced)
        while True:
            for picture in self._pictures():
                for _ in range(round(FPS * SHOWN_S)):
                    shown = allocate(*picture.shape[:2])
                    np.copyto(shown, picture)
                    yield Frame(pace.next(), shown)
            if not self._loop:
                return

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        for path in tuple(self._paths):
            try:
                yield read_picture(path)
            except PictureError as error:
                self._paths.remove(path)
                log.warning("picture left out", extra={"reason": str(error)})
                if not self._paths:
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...


class Pace:
    """Even steps of time: waited for on the monotonic clock, or only counted.

    Args:
        period_s: from one picture to the next.
        paced: wait; else time is counted from 0 and nobody waits.
    """

    def __init__(self, period_s: float, paced: bool) -> None:
        self._period_s, self._paced = period_s, paced
        self._due_s = time.monotonic() if paced else 0.0

    def next(self) -> float:
        """The time of the next picture in seconds, once it has come."""
        now_s = self._due_s
        if self._paced:
            now_s = time.monotonic()
            if now_s < self._due_s:
                time.sleep(self._due_s - now_s)
                now_s = time.monotonic()
            # A reader that could not keep up continues from now: nothing is caught up in a burst.
            self._due_s = max(self._due_s, now_s - self._period_s)
        self._due_s += self._period_s
        return now_s
