"""A crowd of connections: those that say nothing, those that never end what they say, and too many pages."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asl_device.web.app import MOST_STREAMS
from edge_asl_device.web.connections import HEAD_S, MOST_WAITING
from program import Listener, Program, wait_for

pytestmark = pytest.mark.whole_program

FILM = Path(__file__).parents[2] / "data" / "BALLY.mp4"
CROWD = 2000


@pytest.fixture(scope="module")
def kiosk() -> Iterator[Program]:
    bundle = FILM.parent / "bundle-v1"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The program has as many files as a service gets by default; this side needs more.
    with Program("run", bundle, "--source", FILM, "--loop", "--mute") as program:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CROWD + 500), hard))
        yield program.wait_until_ready()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(stack: contextlib.ExitStack, port: int, source: str = "127.0.0.1") -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0)))


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.001)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("addresses", [1, 200])
def test_silent_connections_take_no_place_from_a_page(kiosk: Program, addresses: int):
    page = kiosk.listen()
    lines = len(kiosk.raw)
    with contextlib.ExitStack() as stack:
        crowd = [connect(stack, kiosk.port, f"127.0.0.{1 + number % addresses}") for number in range(CROWD)]
        seen = len(page.states)
        for _ in range(20):
            started = time.monotonic()
            assert kiosk.ask("/")[0] == 200
            assert time.monotonic() - started < 5
        wait_for(lambda: len(page.states) > seen + 5, 10, "what pages already show goes on")
        another = kiosk.listen()
        wait_for(lambda: another.state.get("camera"), 5, "and a new one opens")
        assert sum(not is_closed(one) for one in crowd) <= MOST_WAITING
        wait_for(lambda: all(is_closed(one) for one in crowd), HEAD_S + 5)
        another.close()
    page.close()
    said = "".join(kiosk.raw[lines:])
    assert len(said) < 1000
    assert "Traceback" not in said


def test_a_head_that_never_ends_is_not_waited_for(kiosk: Program):
    with contextlib.ExitStack() as stack:
        slow = connect(stack, kiosk.port)
        slow.sendall(b"GET / HTTP/1.1\r\n")
        started = time.monotonic()
        while not is_closed(slow):
            with contextlib.suppress(OSError):
                slow.sendall(b"X-Y: z\r\n")
            time.sleep(0.2)
            assert time.monotonic() - started < HEAD_S + 3
    assert time.monotonic() - started > HEAD_S / 2


def test_a_body_that_never_comes_and_one_that_breaks_off(kiosk: Program):
    head = f"POST /api/undo HTTP/1.1\r\nHost: 127.0.0.1:{kiosk.port}\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 100\r\n\r\n{"
    lines = len(kiosk.raw)
    with contextlib.ExitStack() as stack:
        silent, aborted = connect(stack, kiosk.port), connect(stack, kiosk.port)
        for one in (silent, aborted):
            one.sendall(head.encode())
        time.sleep(0.3)
        aborted.close()
        silent.settimeout(10)
        answer = silent.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")
    assert "Traceback" not in "".join(kiosk.raw[lines:])


def test_rubbish_does_not_fill_the_log(kiosk: Program):
    lines = len(kiosk.raw)
    for _ in range(200):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            one = connect(stack, kiosk.port)
            one.sendall(b"\x00\xff rubbish\r\n\r\n")
            one.recv(100)
    assert kiosk.ask("/healthz")[0] == 200
    assert len("".join(kiosk.raw[lines:])) < 1000


def test_too_many_pages_are_told_so(kiosk: Program):
    pages = [Listener(kiosk.port) for _ in range(MOST_STREAMS)]
    status, body, _ = kiosk.ask("/events")
    assert status == 503
    assert f"{MOST_STREAMS} streams" in json.loads(body)["error"]
    assert kiosk.ask("/")[0] == 200
    pages.pop().close()
    wait_for(lambda: opens(kiosk), 10, "a place that was given up is free")
    for page in pages:
        page.close()


def opens(kiosk: Program) -> bool:
    try:
        Listener(kiosk.port).close()
    except AssertionError:
        return False
    return True
