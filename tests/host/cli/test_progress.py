"""The log of long work: what is left is told from what this run does."""

from __future__ import annotations

import re
import time

import pytest

from edge_asl.progress import Lines


class Often(Lines):
    """A line at every step."""

    every_s = settles_s = 0.0


def test_what_an_earlier_run_has_left_does_not_shorten_the_time(capsys: pytest.CaptureFixture[str]):
    with Often().task("hands read", 2000) as advance:
        advance(1000)
        time.sleep(0.02)
        advance(1001)

    (left,) = re.findall(r"hands read: 1001/2000 , (\d+) s left", capsys.readouterr().err)
    assert int(left) >= 19
