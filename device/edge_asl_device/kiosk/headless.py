"""Reading signs without a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_asl_device.camera import CameraState
from edge_asl_device.camera.source import Source, check_source, open_source
from edge_asl_device.camera.supervisor import CameraSupervisor
from edge_asl_device.inference.loading import load
from edge_asl_device.kiosk.loop import WAIT_S
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.text.transcriber import State


def read_source(
    bundle: Path,
    source: Source,
    *,
    fast: bool,
    loop: bool,
    decoder: dict[str, float],
    runtime: str,
    threads: int,
) -> Iterator[tuple[float, State]]:
    """(seconds, what a screen would show) for every frame that was read.

    Args:
        bundle: its folder.
        source: a camera, or a film or folder until its end.
        fast: every frame of a film as fast as it can be decoded, in its own time; else the newest frame, as at a kiosk.
        loop: a film or folder starts again at its end.
        decoder: overrides of the manifest's.
        runtime: as for ``TfliteEngine``.
        threads: as there.

    Raises:
        EdgeAslError: bundle or source cannot be read.
    """
    reader = Reader(load(bundle, runtime, threads), decoder)
    if fast:
        with open_source(source, paced=False, loop=loop) as camera:
            yield from reader.read_all(camera)
        return
    check_source(source)
    with CameraSupervisor(source, loop=loop) as supervisor:
        while supervisor.status.state is not CameraState.ENDED:
            frame = supervisor.next(WAIT_S)
            if frame is not None:
                yield frame.time_s, reader.read(frame).state
