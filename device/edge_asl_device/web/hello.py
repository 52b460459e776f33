"""What a page is told when it connects."""

from __future__ import annotations

from typing import Literal

from edge_asl_device import __version__
from edge_asl_device.contract.preprocess import centre_square
from edge_asl_device.inference.loading import Opened
from edge_asl_device.web.app import STATIC
from edge_asl_device.web.messages import BundleView, FrameSize, Hello, Sign, SquareView, VoiceState


def greeting(
    opened: Opened,
    size: FrameSize | None,
    *,
    run: str,
    language: str,
    mode: Literal["read", "capture"],
    mirror: bool,
    voice: VoiceState,
) -> Hello:
    """The ``hello`` of a bundle, a camera (once a frame has shown its size) and what the command line asked for."""
    manifest = opened.bundle.manifest
    return Hello(
        program=__version__,
        run=run,
        language=language,
        mode=mode,
        mirror=mirror,
        hold_s=opened.decoder.hold_s,
        frame=size,
        square=SquareView(*centre_square(size.height, size.width)) if size else None,
        bundle=BundleView(manifest.name, manifest.version, opened.bundle.digest),
        signs=tuple(Sign(label, _picture_of(label)) for label in manifest.labels),
        voice=voice,
    )


def _picture_of(label: str) -> str | None:
    """Of a handshape that is drawn; a label may be anything, also what is no file name."""
    name = f"signs/{label}.webp"
    return f"/static/{name}" if label.isalnum() and (STATIC / name).is_file() else None
