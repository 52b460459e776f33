"""``edge-asl-device capture``: stores pictures of signs for training, only ever because somebody asked for it by name.

A picture is taken while a hand is there and held still, or draws where the sign is drawn; never in between.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_asl_device.camera import CameraState, Frame
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.contract.manifest import HandManifest
from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.contract.preprocess import Square
from edge_asl_device.errors import EdgeAslError
from edge_asl_device.inference.hand_stages import SURROUNDINGS, square_of_hand
from edge_asl_device.inference.recognition import Recognition
from edge_asl_device.kiosk.mode import Mode, Publish
from edge_asl_device.kiosk.picture_folder import PictureFolder, safe_name
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.text.buffer import NOTHING
from edge_asl_device.text.held_letters import HELD_AS
from edge_asl_device.text.movement import Movement
from edge_asl_device.web.messages import CameraView, Capturing, PageState, Phase, SquareView

JPEG_QUALITY = 95
RETRY_S = 2.0
DONE_SHOWN_S = 2.0
"""How long the page says that it is done before the program ends."""
DENIED = 0.8
"""From this probability on a picture looks like another sign."""
DROPPED = 5
"""Pictures that one press deletes."""

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
        reader: with the bundle: what is stored is what its model would see.
        publish: shows the banner and what is being stored.

    Raises:
        EdgeAslError: a label that cannot be a folder's name, or a folder that cannot be used.
    """

    activity = "storing pictures"

    def __init__(self, collection: Collection, reader: Reader, publish: Publish) -> None:
        super().__init__()
        self._collection, self._reader, self._publish = collection, reader, publish
        _check(collection)
        person, session = safe_name(collection.person), safe_name(collection.session)
        if person != collection.person:
            log.info("stored under a name that files can have", extra={"person": person})
        self._folder = PictureFolder(collection.folder, person, session)
        self._movement = Movement()
        self._square: Square | None = None
        self._left = list(collection.labels)
        self._stored = 0
        self.stored = 0
        self._due_s: float | None = None
        self._looks_like: str | None = None
        self._waits: Phase | None = None
        self._full = self._ended = self._paused = False
        self._end_s = 0.0

    @property
    def finished(self) -> bool:
        """Whether every picture is stored and the page has said so, or no further one can come."""
        return self._ended or (not self._left and time.monotonic() >= self._end_s)

    def command(self, name: str, arguments: dict[str, Any]) -> None:
        """Pause, take the last pictures back, or begin the sign once more.

        Raises:
            ValueError: there is no text to change, or ``paused`` is no truth value.
        """
        acts: dict[str, Callable[[], None]] = {"drop": self._drop, "redo": self._redo}
        if name == "pause":
            if not isinstance(paused := arguments.get("paused"), bool):
                raise ValueError(f"paused: expected true or false, found {paused!r}")
            self.submit(lambda: self._pause(paused))
        elif name in acts:
            self.submit(acts[name])
        elif name != "stay":
            raise ValueError(f"{name!r} is not available while capturing")

    def replace_reader(self, reader: Reader) -> None:
        """See ``Mode``: its bundle says what is stored."""
        self._reader = reader

    def frame(self, frame: Frame, camera: CameraSupervisor) -> None:
        """Store the frame's square if a picture is due."""
        found = self._reader.recogniser.recognise(frame.picture, time_s=frame.time_s)
        self._square = self._part_to_store(frame, found)
        if self._left and not self._paused:
            self._look(frame, found)
        self._show(camera, frame)

    def no_frame(self, camera: CameraSupervisor) -> None:
        """Show why nothing is stored."""
        self._ended = camera.status.state is CameraState.ENDED
        self._show(camera, None)

    @staticmethod
    def _part_to_store(frame: Frame, found: Recognition) -> Square | None:
        """The hand with as much around it as a hand stage needs, or the square of a model that sees one; None: all."""
        if found.landmarks is None:
            return found.square
        height, width = frame.picture.shape[:2]
        return square_of_hand(found.landmarks, height, width, SURROUNDINGS)

    def _look(self, frame: Frame, found: Recognition) -> None:
        """Count down from the moment the hand is there, then store while it is held."""
        self._waits = self._waits_for(self._left[0], found, frame.time_s)
        if self._waits is not None:
            if not self._stored:
                self._due_s = None
            return
        if self._due_s is None:
            self._due_s = frame.time_s + (0.0 if self._stored else self._collection.ready_s)
        if frame.time_s >= self._due_s:
            self._store(frame, found)

    def _waits_for(self, label: str, found: Recognition, time_s: float) -> Phase | None:
        """What is missing before a picture can be taken; where no hand stage follows the hand, nothing ever is."""
        motion = self._movement.seen(time_s, found.landmarks)
        if not isinstance(self._reader.bundle.manifest, HandManifest) or label == NOTHING:
            return None
        if found.square is None:
            return "no-hand"
        return None if motion.still or label in HELD_AS else "moving"

    def _store(self, frame: Frame, found: Recognition) -> None:
        label, square = self._left[0], self._square
        try:
            picture = frame.picture if square is None else square.cut(frame.picture)
            self._folder.store(label, encode_jpeg(picture, JPEG_QUALITY))
        except OSError as error:
            self._failed("picture not stored", error)
            self._due_s = frame.time_s + RETRY_S
            return
        self._full = False
        self._looks_like = self._denied_by(found, label)
        self._stored += 1
        self.stored += 1
        self._due_s = frame.time_s + self._collection.every_s
        if self._stored == self._collection.count:
            self._left.pop(0)
            self._begin_sign()
            self._end_s = time.monotonic() + DONE_SHOWN_S

    def _failed(self, what: str, error: OSError) -> None:
        """Said once in the log, and on the page until a picture is stored."""
        if not self._full:
            log.warning(what, extra={"reason": error.strerror, "folder": str(self._collection.folder)})
        self._full = True

    def _denied_by(self, found: Recognition, label: str) -> str | None:
        """What the model takes the picture for, if it is sure that it is something else."""
        best = int(found.probabilities.argmax())
        seen = self._reader.recogniser.labels[best]
        drawn = HELD_AS.get(label, ())
        denied = found.probabilities[best] >= DENIED and seen not in (label, *drawn)
        return seen if denied and label in self._reader.recogniser.labels else None

    def _begin_sign(self) -> None:
        self._stored, self._due_s, self._looks_like = 0, None, None

    def _pause(self, paused: bool) -> None:
        self._paused, self._due_s = paused, None

    def _take_back(self, count: int) -> bool:
        """Of the sign that is being stored; False if the storage fails."""
        if not self._left:
            return True
        try:
            gone = self._folder.drop(self._left[0], min(count, self._stored))
        except OSError as error:
            self._failed("pictures not taken back", error)
            return False
        self._stored -= gone
        self.stored -= gone
        self._looks_like = None
        return True

    def _drop(self) -> None:
        self._take_back(DROPPED)

    def _redo(self) -> None:
        """Begin the sign once more, or the one before it while nothing of this one is stored."""
        before = self._left.copy(), self._stored
        if self._left and not self._stored and len(self._left) < len(self._collection.labels):
            self._left.insert(0, self._collection.labels[-len(self._left) - 1])
            self._stored = self._collection.count
        if self._take_back(self._stored):
            self._begin_sign()
        else:
            self._left, self._stored = before

    def _show(self, camera: CameraSupervisor, frame: Frame | None) -> None:
        view = CameraView(str(camera.status.state), camera.status.reason)
        square = SquareView(*self._square) if self._square else None
        self._publish(PageState(view, square=square, notices=self.notices(), capture=self._capturing(frame)), frame)

    def _capturing(self, frame: Frame | None) -> Capturing:
        wanted, signs = self._collection, len(self._collection.labels)
        if not self._left:
            return Capturing(wanted.person, wanted.labels[-1], wanted.count, wanted.count, signs, signs, "done", 0.0)
        wait_s = max(0.0, (self._due_s or 0.0) - frame.time_s) if frame else 0.0
        sign = signs - len(self._left) + 1
        return Capturing(
            wanted.person,
            self._left[0],
            self._stored,
            wanted.count,
            sign,
            signs,
            self._phase(wait_s, live=frame is not None),
            round(wait_s, 1),
            following=self._left[1] if len(self._left) > 1 else None,
            looks_like=self._looks_like,
        )

    def _phase(self, wait_s: float, *, live: bool) -> Phase:
        if self._full:
            return "disk-full"
        if self._paused:
            return "paused"
        if self._waits is not None and live:
            return self._waits
        return "storing" if self._stored or (live and self._due_s and not wait_s) else "get-ready"


def _check(collection: Collection) -> None:
    if not collection.labels:
        raise EdgeAslError("--labels: no sign given; separate signs by commas")
    for label in collection.labels:
        if "/" in label or "\0" in label or label.startswith("."):
            raise EdgeAslError(f"--labels: {label!r} cannot be a folder's name; leave it out")
    for option, name in (("--person", collection.person), ("--session", collection.session)):
        if not name.strip():
            raise EdgeAslError(f"{option}: expected a name, found {name!r}")
