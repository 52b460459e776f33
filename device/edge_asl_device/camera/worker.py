"""The capture process: ``python -m edge_asl_device.camera.worker MEMORY WAKEUP MESSAGES KIND WHAT PART once|loop``.

A driver can hang beyond the reach of any signal. Here it hangs alone: the program that shows the page carries on, gives
this process up and starts another. Pictures go through shared memory, messages (``StateChange``) through a pipe, one
JSON object a line. MEMORY, WAKEUP and MESSAGES are file descriptors.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import msgspec

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.faults import fault_of
from edge_asl_device.camera.frame_buffer import LatestFrameBuffer
from edge_asl_device.camera.part import Part
from edge_asl_device.camera.source import Source, open_source
from edge_asl_device.errors import EdgeAslError


class StateChange(msgspec.Struct, frozen=True):
    """What the parent is told: ``{"state": "live", "reason": "640×480"}``."""

    state: CameraState
    reason: str


def main(arguments: list[str]) -> int:
    """Open the source and publish its frames until it ends or fails."""
    memory, wakeup, messages = map(int, arguments[:3])
    kind, what, part, showing = arguments[3:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the parent, which ends this process
    try:
        with (
            LatestFrameBuffer(memory, wakeup) as buffer,
            open_source(Source(kind, what, Part.parse(part)), paced=True, loop=showing == "loop") as camera,
        ):
            for number, frame in enumerate(camera.frames(buffer.allocate)):
                if number == 0:
                    _tell(messages, CameraState.LIVE, f"{frame.picture.shape[1]}×{frame.picture.shape[0]}")
                buffer.publish(frame.time_s)
    except CameraError as error:
        _tell(messages, error.state, str(error))
        return 1
    except EdgeAslError as error:
        _tell(messages, CameraState.FAILED, str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - a camera's software raises every kind
        fault = fault_of(error)
        _tell(messages, fault.state, str(fault))
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent answers the last message; this process is ending already
    _tell(messages, CameraState.ENDED, "the video has ended")
    return 0


def _tell(messages: int, state: CameraState, reason: str) -> None:
    os.write(messages, msgspec.json.encode(StateChange(state, reason)) + b"\n")


def _end_with_parent() -> None:
    """Standard input is a pipe from the parent; it closes when the parent dies, however it dies."""
    os.read(0, 1)
    os._exit(0)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
