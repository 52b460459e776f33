"""All workers wait for each other before TensorFlow starts: its own wait has no limit, and cannot be interrupted.

The chief connects to every other worker's port, where until then nobody but this module listens, and when it has
reached all of them sends each the word to go on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import time

from edge_asl.errors import TrainingError
from edge_asl.workstation.cluster import Cluster

LIMIT_VARIABLE = "EDGE_ASL_JOIN_S"
_HELLO_S = 5.0
"""How long a connection may take to say who it is: others than the chief may look at a port."""
_AGAIN_S = 0.2
_GO = b"go"


def limit_s() -> float:
    """How long a worker waits for the others to start, in seconds: queues let machines go one after another.

    Raises:
        TrainingError: the variable that says so is not a number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "600")
    try:
        return float(text)
    except ValueError as error:
        raise TrainingError(f"{LIMIT_VARIABLE}: expected seconds such as 600, found {text!r}") from error


def meet(cluster: Cluster, limit: float) -> None:
    """Return when all workers of ``cluster`` are here; all return within milliseconds of each other.

    Raises:
        TrainingError: not all came within ``limit`` seconds, or this worker's port is taken.
    """
    hello = hashlib.sha256(",".join(cluster.workers).encode()).digest()
    until = time.monotonic() + limit
    if cluster.is_chief:
        _call(cluster, hello, until, limit)
    else:
        _answer(cluster, hello, until, limit)


def _call(cluster: Cluster, hello: bytes, until: float, limit: float) -> None:
    with contextlib.ExitStack() as stack:
        reached = []
        for address in cluster.workers[1:]:
            connection = _connection(address, until)
            if isinstance(connection, OSError):
                reason = connection.strerror or str(connection)
                raise _missing(cluster, limit, f"{address} could not be reached ({reason})")
            reached.append(stack.enter_context(connection))
            connection.sendall(hello)
        for connection in reached:
            connection.sendall(_GO)


def _connection(address: str, until: float) -> socket.socket | OSError:
    """A connection, tried again until the time is over; the last reason if there is none."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=_HELLO_S)
        except OSError as error:  # not started yet, or its name is not known yet
            if time.monotonic() + _AGAIN_S > until:
                return error
        time.sleep(_AGAIN_S)


def _answer(cluster: Cluster, hello: bytes, until: float, limit: float) -> None:
    address = cluster.workers[cluster.number]
    try:
        server = socket.create_server(("", int(address.rpartition(":")[2])))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TrainingError(
            f"{cluster.name}: cannot listen on {address}: {reason}; choose another port in TF_CONFIG"
        ) from error
    with server:
        while (left := until - time.monotonic()) > 0:
            server.settimeout(left)
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(min(_HELLO_S, left))
                    if _read(connection, len(hello)) != hello:
                        continue
                    connection.settimeout(max(0.1, until - time.monotonic()))
                    if _read(connection, len(_GO)) == _GO:
                        _read(connection, 1)  # whoever closes first keeps the port busy for a while: the chief's
                        return
    raise _missing(cluster, limit, f"the chief, {cluster.workers[0]}, has not called")


def _read(connection: socket.socket, count: int) -> bytes:
    """``count`` bytes, or fewer if the other side has closed."""
    found = b""
    while len(found) < count and (more := connection.recv(count - len(found))):
        found += more
    return found


def _missing(cluster: Cluster, limit: float, what: str) -> TrainingError:
    return TrainingError(
        f"{cluster.name}: after {limit:g} s, {what}; start all workers, with the same cluster in TF_CONFIG, and let "
        "them reach each other's ports"
    )
