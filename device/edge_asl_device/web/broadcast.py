"""The newest of everything that pages show: one writer, many readers, and no reader can slow the writer down."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Generic, NamedTuple, TypeVar

import msgspec

from edge_asl_device.web.messages import Hello, PageState

T = TypeVar("T")
PICTURE_PERIOD_S = 1 / 15
"""Pages get fewer pictures than the model does: encoding one costs as much as reading it."""


class Numbered(NamedTuple, Generic[T]):
    """A value and how many came before it."""

    number: int
    value: T


class Newest(Generic[T]):
    """The newest value of a stream. ``put`` from any thread, ``after`` in the event loop; nothing queues."""

    def __init__(self, first: T) -> None:
        self.current = Numbered(0, first)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._ringing = False

    def put(self, value: T) -> None:
        """Replace the value and wake every reader that waits."""
        self.current = Numbered(self.current.number + 1, value)
        if self._loop is not None and not self._ringing:
            self._ringing = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the event loop has ended, and with it every reader
                self._loop = None

    def _wake(self) -> None:
        self._ringing = False
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def after(self, number: int, timeout_s: float) -> Numbered[T] | None:
        """The newest value once its number is above ``number``; None when time is up."""
        self._loop = asyncio.get_running_loop()  # from here on, ``put`` wakes who waits
        deadline = time.monotonic() + timeout_s
        while self.current.number <= number:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            try:
                await asyncio.wait_for(self._changed.wait(), left_s)
            except TimeoutError:
                return None
        return self.current


class Hub:
    """What the loop publishes and the pages read."""

    def __init__(self, hello: Hello, state: PageState) -> None:
        self.hello = Newest(msgspec.json.encode(hello))
        self.state = Newest(msgspec.json.encode(state))
        self.picture: Newest[bytes] = Newest(b"")
        self.closing = threading.Event()
        self._published = state
        self._viewers = 0
        self.pages = 0
        self._picture_due_s = 0.0

    def say_hello(self, hello: Hello) -> None:
        """Something in the hello has changed."""
        encoded = msgspec.json.encode(hello)
        if encoded != self.hello.current.value:
            self.hello.put(encoded)

    def publish(self, state: PageState) -> None:
        """Show a state, unless only the frame's own times have changed."""
        timeless = msgspec.structs.replace(state, latency_ms=None, captured_s=None)
        if timeless != self._published:
            self._published = timeless
            self.state.put(msgspec.json.encode(state))

    def close(self) -> None:
        """Let every page's stream end."""
        self.closing.set()
        for newest in (self.hello, self.state, self.picture):
            newest.put(newest.current.value)

    def watch_events(self, change: int) -> None:
        """One page more or fewer listens to events."""
        self.pages += change

    def watch_pictures(self, change: int) -> None:
        """One page more or fewer shows the picture."""
        self._viewers += change
        if self._viewers == 0:
            self.forget_picture()

    def forget_picture(self) -> None:
        """Drop the last picture: the camera has none now, or nobody is looking, and nobody may see an old one."""
        if self.picture.current.value:
            self.picture.put(b"")

    @property
    def streams(self) -> int:
        """How many streams pages read."""
        return self.pages + self._viewers

    @property
    def looked_at(self) -> bool:
        """Whether a page shows pictures."""
        return self._viewers > 0

    def wants_picture(self, now_s: float) -> bool:
        """Whether a page would show a picture now."""
        return self.looked_at and now_s >= self._picture_due_s

    def show(self, jpeg: bytes, now_s: float) -> None:
        """Show a picture."""
        self._picture_due_s = now_s + PICTURE_PERIOD_S
        self.picture.put(jpeg)
