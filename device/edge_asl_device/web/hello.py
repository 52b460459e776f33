"""What a page is told when it connects."""

from __future__ import annotations

from typing import Literal

from edge_asl_device import __version__
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.web.app import STATIC
from edge_asl_device.web.messages import BundleView, FrameSize, Hello, Sign, VoiceState


def greeting(
    reader: Reader,
    size: FrameSize | None,
    *,
    run: str,
    language: str,
    mode: Literal["read", "capture"],
    mirror: bool,
    voice: VoiceState,
) -> Hello:
    """The ``hello`` of a bundle, a camera (once a frame has shown its size) and what the command line asked for."""
    manifest = reader.bundle.manifest
    return Hello(
        program=__version__,
        run=run,
        language=language,
        mode=mode,
        mirror=mirror,
        hold_s=reader.decoder.hold_s,
        frame=size,
        bundle=BundleView(manifest.name, manifest.version, reader.bundle.digest),
        signs=tuple(Sign(label, _picture_of(label)) for label in manifest.labels),
        voice=voice,
    )


def _picture_of(label: str) -> str | None:
    """Of a handshape that is drawn; a label may be anything, also what is no file name."""
    name = f"signs/{label}.webp"
    return f"/static/{name}" if label.isalnum() and (STATIC / name).is_file() else None
