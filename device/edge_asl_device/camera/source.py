"""What ``--source`` names."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from edge_asl_device.camera import Camera, CameraError, CameraState
from edge_asl_device.camera.part import CutCamera, Part

KINDS = "auto, picamera2[:N], v4l2[:/dev/videoN], rehearsal:FOLDER, a video file or a folder of pictures"


class Source(NamedTuple):
    """A parsed ``--source``."""

    kind: str
    """``auto``, ``picamera2``, ``v4l2``, ``rehearsal``, ``video`` or ``folder``."""
    what: str
    """Number, device or path; empty for the first there is."""
    part: Part | None = None
    """Of its pictures; None: all."""

    @property
    def live(self) -> bool:
        """A device, of which silence or a picture that never changes means trouble."""
        return self.kind not in ("video", "folder")


def parse_source(text: str) -> Source:
    """Parse ``--source``; nothing is opened, but a video or a folder must be there.

    Raises:
        CameraError: no such kind, number, file or folder.
    """
    kind, _, what = text.partition(":")
    if text == "auto":
        return Source("auto", "")
    if kind == "picamera2" and (not what or what.isdecimal()):
        return Source("picamera2", what)
    if kind == "v4l2" and (not what or what.startswith("/")):
        return Source("v4l2", what)
    if kind == "rehearsal" and Path(what).is_dir():
        return Source("rehearsal", what)
    path = Path(text)
    if path.is_dir() and kind != "rehearsal":
        return Source("folder", text)
    if path.is_file():
        return Source("video", text)
    raise CameraError(CameraState.MISSING, f"{text}: no such source; use {KINDS}")


def open_source(source: Source, *, paced: bool = True, loop: bool = False) -> Camera:
    """The camera of a source, not yet entered; hardware libraries are imported here.

    Args:
        source: what ``parse_source`` gave.
        paced: a video or folder in its own time; else as fast as it can be read.
        loop: a video or folder starts again at its end.
    """
    if source.part is not None:
        return CutCamera(open_source(source._replace(part=None), paced=paced, loop=loop), source.part)
    if source.kind == "auto":
        from edge_asl_device.camera.auto import find

        source = parse_source(find())
    if source.kind == "picamera2":
        from edge_asl_device.camera.picamera import Picamera

        return Picamera(int(source.what or 0))
    if source.kind == "v4l2":
        from edge_asl_device.camera.v4l2 import V4l2

        return V4l2(source.what or None)
    if source.kind == "rehearsal":
        from edge_asl_device.camera.rehearsal import Rehearsal

        return Rehearsal(Path(source.what))
    if source.kind == "folder":
        from edge_asl_device.camera.recordings import Folder

        return Folder(Path(source.what), paced=paced, loop=loop)
    from edge_asl_device.camera.recordings import Video

    return Video(Path(source.what), paced=paced, loop=loop)


def check_source(source: Source) -> None:
    """Open and close a video or a folder: what cannot be read is reported before anything is started.

    Raises:
        PictureError: it cannot be read.
    """
    if source.kind == "rehearsal":
        from edge_asl_device.camera.recordings import Video
        from edge_asl_device.camera.rehearsal import VIDEO

        with Video(Path(source.what) / VIDEO):
            pass
    if not source.live:
        with open_source(source):
            pass
