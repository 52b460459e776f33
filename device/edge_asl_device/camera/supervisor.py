"""Keeps a camera running: starts the capture process, watches it, gives it up, starts another."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from typing import NamedTuple, Self

import msgspec

from edge_asl_device.camera import CameraError, CameraState, Frame
from edge_asl_device.camera.faults import crash_reason
from edge_asl_device.camera.frame_buffer import LatestFrameBuffer
from edge_asl_device.camera.quality import Quality, QualityMonitor
from edge_asl_device.camera.source import Source
from edge_asl_device.camera.worker import StateChange

OPEN_LIMIT_S = 20.0
"""For the first time: picamera2 alone takes five seconds to import on a Pi 3."""

OPEN_FACTOR = 3.0
"""Once it was open, it is given so many times what that took, and ``SILENCE_LIMIT_S`` at least."""

SILENCE_LIMIT_S = 2.5
"""A little more than the two seconds after which cameras themselves report silence."""

BACKOFF_S = (0.2, 0.5, 1.0, 1.5)
"""Pauses before opening again; the last one for ever. A camera that is back is seen within five seconds."""

FAILED_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""The same after a fault that does not go away by itself: no permission, no memory, software that does not fit."""

SAID_BYTES = 8000
"""Of the end of what a capture process wrote to its standard streams."""

STEADY_S = 5.0
"""A camera that lived that long has got over its last fault."""

FROZEN_RETRY_S = 5.0
END_LIMIT_S = 0.5
MAX_WEDGED = 4
"""Processes that hang in a driver and cannot be killed; more would hang, too."""

_WORKER = (sys.executable, "-m", "edge_asl_device.camera.worker")

log = logging.getLogger(__name__)


class CameraStatus(NamedTuple):
    """What the camera is doing."""

    state: CameraState
    reason: str | None
    """One line, for the log and for whoever repairs it."""
    since_s: float
    """Monotonic seconds."""


class CameraSupervisor:
    """The newest frame of a camera that may come, go, hang and come back; a context manager.

    Nothing here waits longer than it is told to, whatever the driver does.

    Args:
        source: what to open.
        loop: a video or folder starts again at its end.
    """

    def __init__(self, source: Source, *, loop: bool = False) -> None:
        self._source, self._showing = source, "loop" if loop else "once"
        self._capture: _Capture | None = None
        self._monitor = QualityMonitor(source.live)
        self._quality: Quality | None = None
        self._wedged: list[_Capture] = []
        self._failures: Counter[tuple[float, ...]] = Counter()
        self._try_at_s = 0.0
        self._open_limit_s = OPEN_LIMIT_S
        self._started = 0
        self.status = CameraStatus(CameraState.STARTING, None, time.monotonic())

    @property
    def brightness(self) -> float | None:
        """Mean of the frame that ``next`` gave last, 0 to 255."""
        return self._quality.brightness if self._quality else None

    @property
    def reopened(self) -> int:
        """How often the camera was opened again."""
        return max(0, self._started - 1)

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not given out before, or None when there is none after ``timeout_s``.

        The frame's memory stays as it is until the next call. A frame is given in ``LIVE`` only: pictures
        from a covered lens or a stuck buffer are not to be read.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            now_s = time.monotonic()
            if self._capture is None:
                self._start_when_due(now_s)
            if self._capture is not None and (frame := self._look(self._capture, now_s)):
                return frame
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            if self._capture is not None:
                self._capture.wait(min(left_s, 0.1))
            else:
                time.sleep(min(left_s, 0.05))

    def __enter__(self) -> Self:
        self._start_when_due(time.monotonic())
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._capture is not None:
            self._drop(self._capture)

    def _start_when_due(self, now_s: float) -> None:
        if now_s < self._try_at_s or self.status.state is CameraState.ENDED:
            return
        self._wedged = [capture for capture in self._wedged if not capture.gone()]
        if len(self._wedged) >= MAX_WEDGED:
            self._set(
                CameraState.FAILED,
                f"{len(self._wedged)} capture processes hang in the driver; switch the device off and on",
            )
            self._later(now_s)
            return
        try:
            self._capture = _Capture(self._source, self._showing)
        except OSError as error:  # no process, no memory, no descriptor: another time
            self._set(CameraState.FAILED, f"cannot start the capture process: {error.strerror}; trying again")
            self._later(now_s)
            return
        self._started += 1

    def _look(self, capture: _Capture, now_s: float) -> Frame | None:
        capture.take_prints()
        try:
            frame = capture.buffer.newest()
        except CameraError as error:
            self._give_up(capture, error.state, str(error), now_s)
            return None
        if frame is None:
            self._judge_silence(capture, now_s)
            return None
        if capture.heard_s is None:
            self._open_limit_s = max(SILENCE_LIMIT_S, OPEN_FACTOR * (now_s - capture.started_s))
            self._monitor.reopened()
        capture.heard_s = now_s
        self._quality = self._monitor.judge(now_s, frame.picture)
        state = self._quality.state
        if state is CameraState.FROZEN:
            reason = "the picture does not change"
            if now_s - capture.started_s > FROZEN_RETRY_S:
                self._give_up(capture, state, reason, now_s)
            self._set(state, reason)
            return None
        if now_s - capture.started_s > STEADY_S:
            self._failures.clear()
        if capture.opened is None:
            capture.listen()
        self._set(state, "all pictures are black" if state is CameraState.BLACK else capture.opened)
        return frame if state is CameraState.LIVE else None

    def _judge_silence(self, capture: _Capture, now_s: float) -> None:
        # In this order: a process that has ended sent its last message before.
        gone = capture.gone()
        capture.listen()
        verdict = capture.verdict
        if verdict and verdict.state is CameraState.ENDED:
            self._drop(capture)
            self._set(verdict.state, verdict.reason)
        elif verdict:
            self._give_up(capture, verdict.state, verdict.reason, now_s)
        elif gone:
            self._give_up(capture, CameraState.LOST, capture.exit_reason(), now_s)
        else:
            begun_s, limit_s = capture.started_s, self._open_limit_s
            if capture.heard_s is not None:
                begun_s, limit_s = capture.heard_s, SILENCE_LIMIT_S
            if now_s - begun_s > limit_s:
                # A process silent for so long would not obey a polite request either.
                self._give_up(capture, CameraState.FROZEN, f"no picture for {limit_s:.1f} s", now_s, politely=False)

    def _give_up(
        self, capture: _Capture, state: CameraState, reason: str, now_s: float, *, politely: bool = True
    ) -> None:
        self._drop(capture, politely=politely)
        self._set(state, reason)
        self._later(now_s)
        if not politely:
            # This took long enough already, and a driver that hangs again will take as long by itself.
            self._try_at_s = now_s + BACKOFF_S[0]

    def _drop(self, capture: _Capture, *, politely: bool = True) -> None:
        self._capture = self._quality = None
        log.debug("capture process given up", extra={"said": capture.said})
        if not capture.end(politely=politely):
            log.error("capture process hangs in the driver", extra={"pid": capture.pid})
            self._wedged.append(capture)

    def _later(self, now_s: float) -> None:
        pauses = FAILED_BACKOFF_S if self.status.state is CameraState.FAILED else BACKOFF_S
        # Counted apart: a camera that was unplugged for long is no fault that stays.
        self._try_at_s = now_s + pauses[min(self._failures[pauses], len(pauses) - 1)]
        self._failures[pauses] += 1

    def _set(self, state: CameraState, reason: str | None) -> None:
        if (state, reason) == self.status[:2]:
            return
        since_s = self.status.since_s if state is self.status.state else time.monotonic()
        level = logging.INFO if state in (CameraState.LIVE, CameraState.ENDED) else logging.WARNING
        log.log(level, "camera", extra={"state": str(state), "reason": reason})
        self.status = CameraStatus(state, reason, since_s)


class _Capture:
    """One capture process and its frame buffer."""

    def __init__(self, source: Source, showing: str) -> None:
        # Whatever fails, no descriptor stays open: they may be what is lacking.
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            self.buffer = ours.enter_context(LatestFrameBuffer.create())
            # A pipe of its own: native libraries print to the standard streams as they please. What they print is kept
            # for the one line that says why a capture process died.
            self._messages, messages = _pipe(ours, theirs)
            self._prints, prints = _pipe(ours, theirs)
            self._process = subprocess.Popen(
                [
                    *_WORKER,
                    *map(str, (self.buffer.memory, self.buffer.wakeup, messages)),
                    source.kind,
                    source.what,
                    str(source.part or ""),
                    showing,
                ],
                stdin=subprocess.PIPE,
                stdout=prints,
                stderr=prints,
                pass_fds=(self.buffer.memory, self.buffer.wakeup, messages),
                start_new_session=True,
            )
            ours.pop_all()
        self._heard = self._said = b""
        self.opened: str | None = None
        """What it opened, once it has said so."""
        self.verdict: StateChange | None = None
        """Why it ends or has ended, once it has said so."""
        self.pid = self._process.pid
        self.started_s = time.monotonic()
        self.heard_s: float | None = None

    def wait(self, timeout_s: float) -> None:
        """Until there may be something new."""
        self.buffer.wait(timeout_s, self._messages)

    def listen(self) -> None:
        """Take in what it has said by now."""
        self.take_prints()
        with contextlib.suppress(BlockingIOError):
            self._heard += os.read(self._messages, 65536)
        *lines, self._heard = self._heard.split(b"\n")
        for said in (msgspec.json.decode(line, type=StateChange) for line in lines):
            if said.state is CameraState.LIVE:
                self.opened = said.reason
            else:
                self.verdict = said

    def take_prints(self) -> None:
        """A pipe that nobody empties would stop the process."""
        with contextlib.suppress(BlockingIOError):
            while printed := os.read(self._prints, 65536):
                self._said = (self._said + printed)[-SAID_BYTES:]

    def gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def exit_reason(self) -> str:
        """How it ended, in words."""
        return crash_reason(self._process.returncode, self.said)

    @property
    def said(self) -> str:
        """The end of what it and its libraries printed."""
        return self._said.decode(errors="replace")

    def end(self, *, politely: bool) -> bool:
        """Ask politely, so that it gives the camera back, then kill it; False if not even that ended it."""
        for ask in (self._process.terminate, self._process.kill) if politely else (self._process.kill,):
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_LIMIT_S)
                break
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        os.close(self._messages)
        os.close(self._prints)
        self.buffer.__exit__(None, None, None)
        return self.gone()


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe from a child process: this side's end, read without waiting, and the child's."""
    reading, writing = os.pipe()
    ours.callback(os.close, reading)
    theirs.callback(os.close, writing)
    os.set_blocking(reading, False)
    return reading, writing
