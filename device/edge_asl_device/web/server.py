"""uvicorn on a socket that is already bound, with its signals left to the program."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.web.connections import ACCEPTED_AT_ONCE, bounded


class Server(uvicorn.Server):
    """uvicorn that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """End soon; from any thread."""
        self.should_exit = True


def make_server(app: ASGIApp) -> Server:
    """A server for ``Server.serve(sockets=[…])``; its end waits a second for open streams."""
    # Not even warnings: whoever sends rubbish would fill the log with one for each.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=bounded(),
            loop="asyncio",
            backlog=ACCEPTED_AT_ONCE,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
    )


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket, before anything slow is begun.

    Raises:
        EdgeAslError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(ACCEPTED_AT_ONCE)
        except OSError as error:
            raise EdgeAslError(
                f"cannot serve on {host}:{port}: {error.strerror}; "
                "choose another --port, or stop the program that is using it"
            ) from error
        yield listening


def address_of(host: str, listening: socket.socket) -> str:
    """The page's address, as a browser wants it."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}/"
