"""Lines that a device says while it switches."""

from __future__ import annotations

import pytest

from edge_asl.deploy.activation import step_of


def test_a_step_and_what_became_of_it():
    assert step_of('{"step": "switch", "text": "current is 0123"}') == ("switch", "current is 0123")


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", "[]", "3", '{"step": "switch"}'])
def test_any_other_line_is_no_step(line: str):
    assert step_of(line) is None
