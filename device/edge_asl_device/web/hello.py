"""The ``hello`` that a page is sent when it connects, and again when anything in it changes."""

from __future__ import annotations

from typing import Literal

from edge_asl_device import __version__
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.web.app import STATIC
from edge_asl_device.web.messages import BundleView, FrameSize, Hello, Sign


def hello_message(
    reader: Reader,
    size: FrameSize | None,
    *,
    run: str,
    language: str,
    mode: Literal["read", "capture"],
    mirror: bool,
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
    )


def _picture_of(label: str) -> str | None:
    """The drawing of its handshape; a label may be anything, even what cannot be a file name."""
    name = f"signs/{label}.webp"
    return f"/static/{name}" if label.isalnum() and (STATIC / name).is_file() else None
