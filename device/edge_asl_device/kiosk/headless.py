"""Reading signs without a page."""

from __future__ import annotations

from collections.abc import Iterator

from edge_asl_device.camera import CameraState
from edge_asl_device.camera.source import check_source, open_source
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.errors import PictureError
from edge_asl_device.inference.loading import load
from edge_asl_device.kiosk.mode import WAIT_S
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.settings import Settings
from edge_asl_device.outputs import open_outputs
from edge_asl_device.outputs.output import Context
from edge_asl_device.text.languages import LANGUAGES
from edge_asl_device.text.transcriber import State


def read_headless(settings: Settings, *, fast: bool) -> None:
    """Read a video or folder to its end, a camera without end, and tell the outputs.

    Args:
        settings: what the command line asked for; what belongs to the page is ignored.
        fast: every frame of a video as fast as it can be decoded, in its own time; else the newest, as at a kiosk.

    Raises:
        EdgeAslError: bundle or source cannot be read.
    """
    reader = Reader(load(settings.bundle, settings.runtime, settings.threads), settings.decoder)
    context = Context(LANGUAGES[settings.language], settings.muted, settings.as_json)
    with open_outputs(settings.outputs, context) as outputs:
        before = ""
        for time_s, state in _states(settings, reader, fast=fast):
            outputs.read(time_s, before, state)
            outputs.text(state.text)
            before = state.text


def _states(settings: Settings, reader: Reader, *, fast: bool) -> Iterator[tuple[float, State]]:
    """(seconds, what a screen would show) for every frame that was read."""
    if fast:
        with open_source(settings.source, paced=False, loop=settings.loop) as camera:
            for frame in camera.frames():
                yield frame.time_s, reader.read(frame).state
        return
    check_source(settings.source)
    with CameraSupervisor(settings.source, loop=settings.loop) as supervisor:
        while supervisor.status.state is not CameraState.ENDED:
            if newest := supervisor.next(WAIT_S):
                yield newest.time_s, reader.read(newest).state
            elif supervisor.status.state is CameraState.FAILED and not settings.source.live:
                raise PictureError(str(supervisor.status.reason))  # a file does not get better by trying again
