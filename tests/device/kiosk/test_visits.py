"""When somebody is there and when somebody has left: pure arithmetic of time."""

from __future__ import annotations

import pytest

from edge_asl_device.kiosk.visits import WARNING_S, Visits


def test_a_visit_begins_with_a_hand_and_ends_without_one():
    visits = Visits(60.0)
    assert not visits.over(100.0), "nobody was there"
    visits.here(100.0)
    visits.here(130.0)
    assert (visits.somebody, visits.number) == (True, 1)
    assert not visits.over(190.0)
    assert visits.over(190.1)
    assert not visits.somebody
    assert not visits.over(200.0), "once for each"
    visits.here(300.0)
    assert visits.number == 2


def test_the_end_is_announced_and_put_off():
    visits = Visits(60.0)
    assert visits.ends_in_s(0.0) is None
    visits.here(0.0)
    assert visits.ends_in_s(60.0 - WARNING_S - 1) is None
    assert visits.ends_in_s(50.0) == 10.0
    visits.here(55.0)
    assert visits.ends_in_s(60.0) is None
    assert visits.ends_in_s(110.0) == 5.0
    assert visits.over(116.0)
    assert visits.ends_in_s(117.0) is None


@pytest.mark.parametrize(("after_s", "warned_at_s"), [(2.0, 1.0), (30.0, 15.0), (60.0, 40.0), (600.0, 580.0)])
def test_the_warning_leaves_time_before_it(after_s: float, warned_at_s: float):
    visits = Visits(after_s)
    visits.here(0.0)
    assert visits.ends_in_s(warned_at_s - 0.1) is None
    assert visits.ends_in_s(warned_at_s) == after_s - warned_at_s


def test_never():
    visits = Visits(0.0)
    visits.here(0.0)
    assert visits.ends_in_s(1e9) is None
    assert not visits.over(1e9)
