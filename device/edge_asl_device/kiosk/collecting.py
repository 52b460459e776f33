"""``edge-asl-device capture``: stores pictures of signs for training, only ever because somebody asked for it by name.

    FOLDER/A/anna-20261124T120000-0001.jpg      the square that the model would have seen
    FOLDER/signers.csv                          file,label,signer,session

``edge-asl data check FOLDER`` reads it; no person ends up on two sides of a split.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import time
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import write_atomically
from edge_asl_device.inference.locator import Locator
from edge_asl_device.kiosk.mode import Mode, Publish
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.web.messages import CameraView, Capturing, PageState, Phase, SquareView

TABLE = "signers.csv"
HEADER = "file,label,signer,session"
JPEG_QUALITY = 95
RETRY_S = 2.0
DONE_SHOWN_S = 2.0
"""How long the page says that it is done before the program ends."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")

log = logging.getLogger(__name__)


class Collection(Struct, frozen=True, kw_only=True):
    """What is to be stored, and where."""

    folder: Path
    person: str
    session: str
    labels: tuple[str, ...]
    count: int = 40
    """Pictures of each label."""
    every_s: float = 0.3
    ready_s: float = 3.0
    """Time to form the next sign."""


class Collector(Mode):
    """Stores the square of a frame every so often, sign after sign.

    Args:
        collection: what and where; the folder is made.
        locator: the bundle's: what is stored is what its model would see.
        publish: shows the banner and what is being stored.

    Raises:
        EdgeAslError: a name that cannot be a file's, or a folder with another table.
    """

    activity = "storing pictures"

    def __init__(self, collection: Collection, locator: Locator, publish: Publish) -> None:
        super().__init__()
        self._collection, self._locator, self._publish = collection, locator, publish
        self._square: Square | None = None
        _check(collection)
        try:
            collection.folder.mkdir(parents=True, exist_ok=True)
            _mend_table(collection.folder / TABLE)
        except OSError as error:
            raise EdgeAslError(
                f"{collection.folder}: cannot be written to: {error.strerror}; choose another folder"
            ) from error
        self._left = list(collection.labels)
        self._stored = 0
        self.stored = 0
        self._due_s: float | None = None
        self._full = self._ended = False
        self._end_s = 0.0
        self._before = self._already_there()

    @property
    def finished(self) -> bool:
        """Whether every picture is stored and the page has said so, or no further one can come."""
        return self._ended or (not self._left and time.monotonic() >= self._end_s)

    def command(self, name: str, _arguments: dict[str, Any]) -> None:
        """There is no text to change.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{name!r} is not available while capturing")

    def replace_reader(self, reader: Reader) -> None:
        """See ``Mode``: its locator says what is stored."""
        self._locator = reader.recogniser.stages.locator

    def frame(self, frame: Frame, camera: CameraSupervisor) -> None:
        """Store the frame's square if a picture is due."""
        if self._due_s is None:
            self._due_s = frame.time_s + self._collection.ready_s
        self._square = self._locator.locate(frame.picture)
        if self._left and self._square and frame.time_s >= self._due_s:
            self._store(frame, self._square)
        self._show(camera, frame)

    def no_frame(self, camera: CameraSupervisor) -> None:
        """Show why nothing is stored."""
        self._ended = camera.status.state is CameraState.ENDED
        self._show(camera, None)

    def _store(self, frame: Frame, square: Square) -> None:
        wanted, label = self._collection, self._left[0]
        name = f"{label}/{wanted.person}-{wanted.session}-{self._before + self._stored + 1:04}.jpg"
        try:
            _write(wanted.folder, name, square.cut(frame.picture), f"{name},{label},{wanted.person},{wanted.session}\n")
        except OSError as error:
            if not self._full:
                log.warning("picture not stored", extra={"reason": error.strerror, "folder": str(wanted.folder)})
            self._full, self._due_s = True, frame.time_s + RETRY_S
            return
        self._full = False
        self._stored += 1
        self.stored += 1
        self._due_s = frame.time_s + wanted.every_s
        if self._stored == wanted.count:
            self._left.pop(0)
            self._stored, self._due_s = 0, None
            self._before = self._already_there()
            self._end_s = time.monotonic() + DONE_SHOWN_S

    def _already_there(self) -> int:
        """The highest number among this person's pictures of the next sign in this session, from earlier runs."""
        if not self._left:
            return 0
        wanted = self._collection
        names = (wanted.folder / self._left[0]).glob(f"{wanted.person}-{wanted.session}-*.jpg")
        return max((int(n) for path in names if (n := path.stem.rpartition("-")[2]).isdecimal()), default=0)

    def _show(self, camera: CameraSupervisor, frame: Frame | None) -> None:
        view = CameraView(str(camera.status.state), camera.status.reason)
        square = SquareView(*self._square) if self._square else None
        self._publish(PageState(view, square=square, notices=self.notices(), capture=self._capturing(frame)), frame)

    def _capturing(self, frame: Frame | None) -> Capturing:
        wanted, signs = self._collection, len(self._collection.labels)
        if not self._left:
            return Capturing(wanted.person, wanted.labels[-1], wanted.count, wanted.count, signs, signs, "done", 0.0)
        wait_s = max(0.0, (self._due_s or 0.0) - frame.time_s) if frame else 0.0
        phase: Phase = "storing" if self._stored or (frame and self._due_s and not wait_s) else "get-ready"
        if self._full:
            phase = "disk-full"
        sign = signs - len(self._left) + 1
        return Capturing(wanted.person, self._left[0], self._stored, wanted.count, sign, signs, phase, round(wait_s, 1))


def _check(collection: Collection) -> None:
    names = {"--person": [collection.person], "--session": [collection.session], "--labels": collection.labels}
    for option, given in names.items():
        for name in given:
            if not _NAME.fullmatch(name):
                raise EdgeAslError(f"{option}: expected letters, digits, - and _, found {name!r}")
    if not collection.labels:
        raise EdgeAslError("--labels: no sign given; separate signs by commas")


def _write(folder: Path, name: str, picture: NDArray[np.uint8], line: str) -> None:
    """One picture and its line, both on the disk before the next.

    Raises:
        OSError: no space, for instance; then neither is left behind.
    """
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, encode_jpeg(picture, JPEG_QUALITY))
    try:
        _append(folder / TABLE, line)
    except OSError:
        path.unlink()
        raise


def _append(table: Path, line: str) -> None:
    with table.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            _write_all(file, line.encode())
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise


def _write_all(file: FileIO, data: bytes) -> None:
    if file.write(data) != len(data):  # the disk had room for half a line
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _mend_table(table: Path) -> None:
    """Start the table, or drop a last line that a power cut left unfinished."""
    if not table.exists():
        write_atomically(table, HEADER + "\n")
        return
    text = table.read_text("utf-8-sig")
    if (found := text.partition("\n")[0].strip()) != HEADER:
        raise EdgeAslError(f"{table}: expected the header {HEADER}, found {found!r}; choose another folder")
    if not text.endswith("\n"):
        write_atomically(table, text[: text.rfind("\n") + 1])
