"""The newest picture, between two processes: three slots in shared memory, nothing queues, nothing is copied twice.

The writer fills a slot that is neither the newest nor the one being looked at; the reader looks at the newest. Who
has which is changed under a record lock, which the kernel takes from a process that dies: a killed writer leaves
nothing locked. The lock's own barriers order what both sides see of the memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import time
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.camera import CameraError, CameraState, Frame

SLOTS = 3
MAX_PICTURE_BYTES = 4096 * 3072 * 3
"""12 megapixels, the largest of Raspberry Pi's camera modules but one. Memory that is not written to costs nothing."""

_HEADER_BYTES = 4096
_LOCK_LIMIT_S = 0.5
_ENTRY = np.dtype([("number", np.int64), ("time_s", np.float64), ("height", np.int64), ("width", np.int64)])
_NEWEST, _LOOKED_AT = 0, 1


class LatestFrameBuffer:
    """One end of the shared memory; a context manager.

    Args:
        memory: file descriptor of the memory; owned by this object from now on.
        wakeup: eventfd that wakes the reader; owned, too.
    """

    def __init__(self, memory: int, wakeup: int) -> None:
        self.memory, self.wakeup = memory, wakeup
        self._map = mmap.mmap(memory, _HEADER_BYTES + SLOTS * MAX_PICTURE_BYTES)
        self._holders: NDArray[np.int64] = np.frombuffer(self._map, np.int64, 2)
        self._entries = np.frombuffer(self._map, _ENTRY, SLOTS, offset=64)
        self._pixels: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8, offset=_HEADER_BYTES)
        self._writing = 0
        self._numbered = 0
        self.number = 0
        """Of the picture that ``newest`` gave last: gaps are pictures that nobody looked at."""

    @classmethod
    def create(cls) -> Self:
        """Fresh memory, empty."""
        with contextlib.ExitStack() as opened:
            memory = os.memfd_create("edge-asl-frames")
            opened.callback(os.close, memory)
            os.ftruncate(memory, _HEADER_BYTES + SLOTS * MAX_PICTURE_BYTES)
            wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            opened.callback(os.close, wakeup)
            buffer = cls(memory, wakeup)
            opened.pop_all()
        buffer._holders[:] = -1
        return buffer

    def allocate(self, height: int, width: int) -> NDArray[np.uint8]:
        """Memory for the next picture, uint8 (height, width, 3).

        Raises:
            CameraError: a picture of that size does not fit.
        """
        if not 0 < height * width * 3 <= MAX_PICTURE_BYTES:
            raise CameraError(
                CameraState.FAILED,
                f"camera: expected pictures of at most 12 megapixels, found {width}×{height}; choose a smaller size",
            )
        with self._lock():
            self._writing = next(i for i in range(SLOTS) if i not in self._holders)
            self._entries[self._writing] = (0, 0.0, height, width)
        return self._view(self._writing)

    def publish(self, time_s: float) -> None:
        """What was written to the last ``allocate`` is the newest picture from now on."""
        self._numbered += 1
        with self._lock():
            self._entries[self._writing]["number"] = self._numbered
            self._entries[self._writing]["time_s"] = time_s
            self._holders[_NEWEST] = self._writing
        with contextlib.suppress(BlockingIOError):  # the reader has not been woken yet by the last one
            os.eventfd_write(self.wakeup, 1)

    def wait(self, timeout_s: float, *others: int) -> None:
        """Until a picture is published, another file descriptor has something to read, or time is up."""
        poll = select.poll()
        for descriptor in (self.wakeup, *others):
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(0, timeout_s * 1000))
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wakeup)

    def newest(self) -> Frame | None:
        """The newest picture if it was not given out before; its memory stays as it is until the next call."""
        with self._lock():
            slot = int(self._holders[_NEWEST])
            if slot < 0 or int(self._entries[slot]["number"]) == self.number:
                return None
            self._holders[_LOOKED_AT] = slot
            self.number = int(self._entries[slot]["number"])
        return Frame(float(self._entries[slot]["time_s"]), self._view(slot))

    def _view(self, slot: int) -> NDArray[np.uint8]:
        height, width = int(self._entries[slot]["height"]), int(self._entries[slot]["width"])
        start = slot * MAX_PICTURE_BYTES
        return self._pixels[start : start + height * width * 3].reshape(height, width, 3)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        deadline = time.monotonic() + _LOCK_LIMIT_S
        while True:
            try:
                fcntl.lockf(self.memory, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
                break
            except (BlockingIOError, PermissionError):
                # The other side holds it for microseconds, or was stopped while it did.
                if time.monotonic() > deadline:
                    raise CameraError(CameraState.FROZEN, "camera: the shared memory stayed locked for 0.5 s") from None
                time.sleep(0.0002)
        try:
            yield
        finally:
            fcntl.lockf(self.memory, fcntl.LOCK_UN, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        del self._holders, self._entries, self._pixels
        # A picture that somebody still looks at keeps the memory mapped until it goes.
        with contextlib.suppress(BufferError):
            self._map.close()
        for descriptor in (self.memory, self.wakeup):
            os.close(descriptor)
