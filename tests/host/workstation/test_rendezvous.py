"""Workers that wait for each other, in threads, on real ports of 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from edge_asl.errors import TrainingError
from edge_asl.workstation.cluster import Cluster
from edge_asl.workstation.rendezvous import limit_s, meet


@pytest.fixture
def addresses() -> tuple[str, ...]:
    """Three of 127.0.0.1 that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


class Meeting(threading.Thread):
    """One worker that waits."""

    def __init__(self, addresses: tuple[str, ...], index: int, limit: float = 20.0) -> None:
        super().__init__(daemon=True)
        self.cluster, self.limit = Cluster(addresses, index), limit
        self.error = ""
        self.start()

    def run(self) -> None:
        try:
            meet(self.cluster, self.limit)
        except TrainingError as error:
            self.error = str(error)


def test_nobody_goes_on_before_the_last_one_is_there(addresses: tuple[str, ...]):
    first = [Meeting(addresses, 0), Meeting(addresses, 1)]
    time.sleep(0.5)
    assert all(one.is_alive() for one in first)
    everybody = [*first, Meeting(addresses, 2)]
    for one in everybody:
        one.join(timeout=10)
    assert [(one.is_alive(), one.error) for one in everybody] == [(False, "")] * 3
    for address in addresses:  # the ports are free again at once, for TensorFlow
        socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))).close()


def test_others_who_look_at_the_port_change_nothing(addresses: tuple[str, ...]):
    worker = Meeting(addresses[:2], 1)
    for word in (b"", b"GET / HTTP/1.0\r\n\r\n" * 3):
        with _connected(addresses[1]) as connection:
            connection.sendall(word)
    with _connected(addresses[1]):  # of another cluster
        other = Meeting((addresses[2], addresses[1]), 0, limit=2)
        other.join(timeout=10)
    assert worker.is_alive()
    chief = Meeting(addresses[:2], 0)
    for one in (worker, chief):
        one.join(timeout=15)
    assert [(one.is_alive(), one.error) for one in (worker, chief)] == [(False, "")] * 2


def test_a_chief_names_the_worker_that_is_missing(addresses: tuple[str, ...]):
    there = Meeting(addresses, 1, limit=3)
    with pytest.raises(TrainingError) as caught:
        meet(Cluster(addresses, 0), 0.5)
    assert str(caught.value) == (
        f"worker 0 of 3: after 0.5 s, {addresses[2]} could not be reached (Connection refused); start all workers, "
        "with the same cluster in TF_CONFIG, and let them reach each other's ports"
    )
    there.join(timeout=10)  # its chief has gone; it waits for another one, but not for ever
    assert f"after 3 s, the chief, {addresses[0]}, has not called" in there.error


def test_a_port_that_is_taken_is_one_line(addresses: tuple[str, ...]):
    with (
        socket.create_server(("", int(addresses[1].rpartition(":")[2]))),
        pytest.raises(
            TrainingError, match=r"worker 1 of 3: cannot listen on .*: Address already in use; choose another"
        ),
    ):
        meet(Cluster(addresses, 1), 1)


def test_the_limit_is_a_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EDGE_ASL_JOIN_S", raising=False)
    assert limit_s() == 600
    monkeypatch.setenv("EDGE_ASL_JOIN_S", "soon")
    with pytest.raises(TrainingError, match="EDGE_ASL_JOIN_S: expected seconds such as 600, found 'soon'"):
        limit_s()


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection((host, int(port)), timeout=5)
        time.sleep(0.05)
    raise AssertionError(address)
