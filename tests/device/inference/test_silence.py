"""What native libraries write is swallowed, and only that."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from edge_asl_device.inference.silence import native_output_silenced


def streams() -> list[tuple[int, int]]:
    return [(found.st_dev, found.st_ino) for found in map(os.fstat, (1, 2))]


def test_native_output_is_swallowed_and_the_streams_come_back():
    before = streams()
    with native_output_silenced():
        assert streams() != before
    assert streams() == before


def test_threads_do_not_restore_each_others_silence():
    before, together = streams(), threading.Barrier(4)

    def silence(_: int) -> None:
        together.wait(10)
        for _turn in range(50):
            with native_output_silenced():
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(silence, range(4)))

    assert streams() == before
