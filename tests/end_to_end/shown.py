"""The real server and page, told state by state what to show: no camera, no model."""

from __future__ import annotations

import asyncio
import threading
import time
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.pictures import encode_jpeg
from edge_asl_device.web.app import make_app
from edge_asl_device.web.broadcast import Hub
from edge_asl_device.web.messages import BundleView, CameraView, FrameSize, Hello, PageState, Sign
from edge_asl_device.web.server import listen, make_server

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LIVE = PageState(CameraView("live", None), scene="hand", voice="ready", text="HELLO WO", word="WO", fps=30.0)
WAIT_S = 10.0
PERIOD_S = 0.1


class Shown:
    """A server that shows what it is told; a context manager."""

    def __init__(self, width: int = 640, height: int = 480, **hello: Any) -> None:
        said = Hello(
            program="1.0",
            run="one",
            language="en",
            mode="read",
            mirror=True,
            private=True,
            hold_s=0.3,
            attract_after_s=60.0,
            touchless=True,
            guide="anywhere",
            frame=FrameSize(width, height),
            bundle=BundleView("hands", "1.0", "0" * 64),
            signs=tuple(Sign(letter, f"/static/signs/{letter}.webp") for letter in LETTERS),
        )
        self.hub = Hub(msgspec.structs.replace(said, **hello), LIVE)
        self._server = make_server(make_app(self.hub, lambda: (True, {}), lambda: b"", lambda *_: None, None))
        self._listening = listen("127.0.0.1", 0)
        self._jpeg = encode_jpeg(np.zeros((height, width, 3), np.uint8), 95)
        self._threads = [threading.Thread(target=act, daemon=True) for act in (self._serve, self._film)]

    def show(self, picture: NDArray[np.uint8] | None = None, **changed: Any) -> None:
        """A state, and the picture RGB uint8 (H, W, 3) that it belongs to; the picture stays until there is another."""
        if picture is not None:
            self._jpeg = encode_jpeg(picture, 95)
        self.hub.publish(msgspec.structs.replace(LIVE, **changed))

    def _film(self) -> None:
        """As a camera does: also a page that is opened later gets pictures, and only with one is it loaded."""
        while not self.hub.closing.wait(PERIOD_S):
            if self.hub.looked_at:
                self.hub.show(self._jpeg, time.monotonic())

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> Self:
        self._socket = self._listening.__enter__()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hub.close()
        self._server.stop()
        for thread in self._threads:
            thread.join(WAIT_S)
        self._listening.__exit__(kind, error, trace)
