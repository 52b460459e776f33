"""A video file as camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import cv2
from cv2.typing import MatLike

from edge_asl_device.camera import Allocate, Frame, new_picture
from edge_asl_device.camera.pace import Pace
from edge_asl_device.contract.pictures import SUFFIXES
from edge_asl_device.errors import PictureError

PAUSE_S = 3.0
"""Between two showings the last picture is held, so that the audience can read what was spelled."""


class Film:
    """A video file, frame by frame; a context manager.

    Args:
        path: anything that OpenCV can decode.
        paced: in the film's own time, stamped with the monotonic clock; else as fast as it can be decoded, stamped
            with the film's time.
        loop: starts again at the end.
        pause_s: how long the last picture is held before that.

    Raises:
        PictureError: missing, or not a film that OpenCV can read.
    """

    def __init__(self, path: Path, *, paced: bool = False, loop: bool = False, pause_s: float = PAUSE_S) -> None:
        if not path.is_file():
            raise PictureError(f"{path}: {'a folder, not a video file' if path.is_dir() else 'no such video file'}")
        if path.suffix.lower() in SUFFIXES:
            raise PictureError(f"{path}: a picture, not a video file; use edge-asl-device classify")
        self._path, self._paced, self._loop, self._pause_s = path, paced, loop, pause_s
        self._capture = cv2.VideoCapture(str(path))
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)
        # isOpened() stays True after every failure; only a rate and a frame prove a film.
        if not self._capture.isOpened() or not self._fps > 0:
            self._capture.release()
            raise PictureError(f"{path}: not a video file that OpenCV can read")

    def frames(self, allocate: Allocate = new_picture) -> Iterator[Frame]:
        """Every frame in order.

        Raises:
            PictureError: the film holds not a single frame.
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
        """The film once, B, G, R as OpenCV decodes it."""
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
