"""Limits on connections: whoever opens them and says nothing takes no place from a page, and no memory.

uvicorn answers 503 once there are too many connections, those included that never ask for anything, and waits for a
request's head for ever. Here a connection that asks for nothing is closed after a while, or as soon as newer ones need
its place; one that is answered, a page's stream say, is never closed for others.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_WAITING = 128
"""Connections that ask for nothing. More than are accepted at once, so that a page's has been read before that."""
ACCEPTED_AT_ONCE = 64
MOST_OPEN = 400
"""Connections in all; a program may open 1,024 files."""
MOST_FROM_ONE = 32
"""From one other machine: a browser opens up to six, a page keeps two."""
HEAD_S = 5.0
"""How long a request's head may take, and how long a connection may wait for the next one."""
SAID_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Waiting:
    """The connections that ask for nothing, the longest-waiting first."""

    def __init__(self) -> None:
        self._since: dict[Bounded, float] = {}
        self._closed = 0
        self._said_s = -SAID_EVERY_S

    def add(self, connection: Bounded) -> None:
        """It asks for nothing from now on, if it did; where there are too many, the longest-waiting is closed."""
        if connection in self._since:
            return
        now = self._since[connection] = time.monotonic()
        connection.loop.call_later(HEAD_S, self._expire, connection, now)
        if len(self._since) > MOST_WAITING:
            self.close(next(iter(self._since)))

    def discard(self, connection: Bounded) -> None:
        """It asks for something, or it is gone."""
        self._since.pop(connection, None)

    def close(self, connection: Bounded) -> None:
        """Close it, and say so once a minute."""
        self.discard(connection)
        connection.transport.abort()
        self._closed += 1
        now = time.monotonic()
        if now - self._said_s >= SAID_EVERY_S:
            log.warning("connections closed that asked for nothing", extra={"count": self._closed})
            self._closed, self._said_s = 0, now

    def make_room(self) -> bool:
        """Close the longest-waiting, if one waits."""
        longest = next(iter(self._since), None)
        if longest is not None:
            self.close(longest)
        return longest is not None

    def _expire(self, connection: Bounded, since: float) -> None:
        if self._since.get(connection) == since:
            self.close(connection)


class Bounded(H11Protocol):
    """uvicorn's HTTP/1.1 with these limits. Derive a class for each server with ``waiting`` of its own."""

    waiting: Waiting

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was accepted."""
        super().connection_made(transport)
        if self._too_many():
            self.waiting.close(self)
        else:
            self.waiting.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came: perhaps a whole request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """A request was answered."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.waiting.discard(self)
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.waiting.discard(self)
        elif not self.transport.is_closing():
            self.waiting.add(self)

    def _too_many(self) -> bool:
        if len(self.connections) > MOST_OPEN and not self.waiting.make_room():
            return True
        host = self.client[0] if self.client else ""
        if not host or ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            return False
        others = [one for one in self.connections if isinstance(one, Bounded) and one.client]
        return sum(1 for one in others if one.client and one.client[0] == host) > MOST_FROM_ONE


def bounded() -> type[Bounded]:
    """The protocol of one server."""
    return type("BoundedByWaiting", (Bounded,), {"waiting": Waiting()})
