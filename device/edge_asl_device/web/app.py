"""The server: the page, its two streams, its buttons, ``/healthz`` and ``/metrics``.

Every answer forbids the browser to load anything from elsewhere. Without a token, only requests to this machine's own
names are answered, so that no other site can reach the kiosk through a name of its own (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from edge_asl_device.web.broadcast import Hub
from edge_asl_device.web.guard import Guard

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
BEAT_S = 5.0
SEND_LIMIT_S = 10.0
"""A page that reads nothing for so long is asleep or gone; its stream ends, and the page reconnects when it wakes."""
BOUNDARY = "edge-asl-frame"
MAX_BODY_BYTES = 1000
BODY_LIMIT_S = 5.0
MOST_STREAMS = 200
"""A page has two."""

TOO_MANY = f"{MOST_STREAMS} streams are open; close some pages"

Command = Callable[[str, dict[str, Any]], None]
READING = ("clear", "undo", "speak", "choose", "mute", "language", "practice", "pace", "stay")
CAPTURING = ("pause", "drop", "redo")
COMMANDS = READING + CAPTURING
"""Buttons, and ``stay``: whoever is there has touched the screen."""


def make_app(
    hub: Hub,
    health: Callable[[], tuple[bool, dict[str, object]]],
    metrics: Callable[[], bytes],
    command: Command,
    token: str | None,
) -> Starlette:
    """The application.

    Args:
        hub: what pages show.
        health: (ready, facts) for ``/healthz``.
        metrics: the text for ``/metrics``.
        command: called when a button is pressed, with a name of ``COMMANDS`` and its arguments.
        token: what a browser must present if the page is served to other machines.
    """

    async def index(_request: Request) -> Response:
        return Response((STATIC / "index.html").read_bytes(), media_type="text/html")

    async def events(_request: Request) -> Response:
        if hub.streams >= MOST_STREAMS:
            return _refusal(503, TOO_MANY)
        return _Stream(_events(hub), "text/event-stream", hub.watch_events)

    async def camera(_request: Request) -> Response:
        if hub.streams >= MOST_STREAMS:
            return _refusal(503, TOO_MANY)
        return _Stream(_pictures(hub), f"multipart/x-mixed-replace; boundary={BOUNDARY}", hub.watch_pictures)

    async def healthz(_request: Request) -> Response:
        ready, facts = health()
        return JSONResponse(facts, status_code=200 if ready else 503)

    async def prometheus(_request: Request) -> Response:
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/events", events),
            Route("/camera.mjpeg", camera),
            Route("/healthz", healthz),
            Route("/metrics", prometheus),
            Route("/api/{name}", _button(command), methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, token=token)],
    )


def _button(command: Command) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in COMMANDS:
            return _refusal(404, f"expected one of {', '.join(COMMANDS)}, found {name}")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            # A form on another site cannot send this type without a preflight request.
            return _refusal(415, "expected Content-Type: application/json")
        try:
            command(name, await asyncio.wait_for(_body(request), BODY_LIMIT_S))
        except ValueError as error:
            return _refusal(400, str(error))
        except (TimeoutError, ClientDisconnect):
            return _refusal(400, "the request broke off")
        return Response(status_code=204)

    return act


async def _body(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"larger than {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"expected a JSON object: {error}") from error


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)


async def _events(hub: Hub) -> AsyncIterator[bytes]:
    """Server-sent events: hello, then the newest state at every change, and a beat while nothing changes."""
    yield b"retry: 1000\n\n"
    hello = state = -1
    while not hub.closing.is_set():
        if hub.hello.current.number > hello:
            hello, encoded = hub.hello.current
            yield b"event: hello\ndata: " + encoded + b"\n\n"
        newest = await hub.state.after(state, BEAT_S)
        if hub.closing.is_set():
            return
        if newest is None:
            yield b"event: beat\ndata: {}\n\n"
        else:
            state, encoded = newest
            yield b"event: state\ndata: " + encoded + b"\n\n"


async def _pictures(hub: Hub) -> AsyncIterator[bytes]:
    """Motion JPEG: the newest picture whenever there is one; a slow reader gets fewer pictures, never old ones."""
    number = hub.picture.current.number  # starts with the next one; an old one may show another visitor
    yield f"--{BOUNDARY}\r\n".encode()
    while not hub.closing.is_set():
        newest = await hub.picture.after(number, BEAT_S)
        if newest is None:
            continue
        number, jpeg = newest
        if not jpeg:
            continue
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
        # A browser shows a part once the next boundary arrives, so it is sent right away.
        yield head + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


class _Stream(StreamingResponse):
    """An endless stream whose reader may fall asleep.

    Args:
        content: the parts.
        media_type: of the whole.
        watch: called with +1 when the stream begins and −1 when it has ended, however it ended.
    """

    def __init__(self, content: AsyncIterator[bytes], media_type: str, watch: Callable[[int], None]) -> None:
        super().__init__(content, media_type=media_type)
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def limited(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_LIMIT_S)

        self._watch(1)
        try:
            await super().__call__(scope, receive, limited)
        except TimeoutError:
            log.info("a page stopped reading; its stream was closed", extra={"path": scope["path"]})
        finally:
            self._watch(-1)
