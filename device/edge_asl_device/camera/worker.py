"""The capture process: ``python -m edge_asl_device.camera.worker MEMORY BELL WORDS KIND WHAT once|loop``.

A driver can hang beyond the reach of any signal. Here it hangs alone: the program that shows the page goes on, gives
this process up and starts another. Pictures go through shared memory, words (``Said``) through a pipe, one JSON object
a line. MEMORY, BELL and WORDS are file descriptors.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import msgspec

from edge_asl_device.camera import CameraError, CameraState
from edge_asl_device.camera.frame_buffer import LatestFrameBuffer
from edge_asl_device.camera.source import Source, open_source
from edge_asl_device.errors import EdgeAslError


class Said(msgspec.Struct, frozen=True):
    """A change that the parent is told: ``{"state": "live", "reason": "640×480"}``."""

    state: CameraState
    reason: str


def main(arguments: list[str]) -> int:
    """Open the source and publish its frames until it ends, fails, or nobody reads any more."""
    memory, bell, words = map(int, arguments[:3])
    kind, what, showing = arguments[3:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the parent, which ends this process
    try:
        with (
            LatestFrameBuffer(memory, bell) as box,
            open_source(Source(kind, what), paced=True, loop=showing == "loop") as camera,
        ):
            for number, frame in enumerate(camera.frames(box.place)):
                if number == 0:
                    _say(words, CameraState.LIVE, f"{frame.picture.shape[1]}×{frame.picture.shape[0]}")
                box.publish(frame.time_s)
    except CameraError as error:
        _say(words, error.state, str(error))
        return 1
    except EdgeAslError as error:
        _say(words, CameraState.FAILED, str(error))
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent's answer to the last word; the end has begun already
    _say(words, CameraState.ENDED, "the film has ended")
    return 0


def _say(words: int, state: CameraState, reason: str) -> None:
    os.write(words, msgspec.json.encode(Said(state, reason)) + b"\n")


def _end_with_parent() -> None:
    """Standard input is a pipe from the parent; it closes when the parent dies, however it dies."""
    os.read(0, 1)
    os._exit(0)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
