"""A video file as camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edge_asl_device.camera import Frame
from edge_asl_device.errors import PictureError
from edge_asl_device.pictures import SUFFIXES


class Film:
    """A video file, frame by frame, with the film's own time; a context manager.

    Raises:
        PictureError: missing, or not a film that OpenCV can read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PictureError(f"{path}: expected a video file, found {'a folder' if path.is_dir() else 'nothing'}")
        if path.suffix.lower() in SUFFIXES:
            raise PictureError(f"{path}: expected a video file, found a picture; use edge-asl-device classify")
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)
        # isOpened() stays True after every failure; only a rate and a frame prove a film.
        if not self._capture.isOpened() or not self._fps > 0:
            self._capture.release()
            raise PictureError(f"{path}: expected a video file that OpenCV can read, found another kind of file")

    def frames(self) -> Iterator[Frame]:
        """Every frame once, as fast as it can be decoded.

        Raises:
            PictureError: the film holds not a single frame.
        """
        index = 0
        while True:
            delivered, bgr = self._capture.read()
            if not delivered:
                break
            yield Frame(index / self._fps, np.ascontiguousarray(bgr[:, :, ::-1]))
            index += 1
        if index == 0:
            raise PictureError(f"{self._path}: expected frames, found none; the file is damaged or empty")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()
