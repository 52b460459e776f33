"""Lines that a device says while it switches."""

from __future__ import annotations

import json

import pytest

from edge_asl.deploy.activation import ActivationWatch, step_of
from edge_asl.deploy.remote import Local, Session
from edge_asl.deploy.steps.step import DetachedCommand, StepContext
from edge_asl.errors import DeviceError
from edge_asl.progress import Quiet
from edge_asl_device.releases.installation import Installation, Mode


def test_a_step_and_what_became_of_it():
    assert step_of('{"step": "switch", "text": "current is 0123"}') == ("switch", "current is 0123")


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", "[]", "3", '{"step": "switch"}'])
def test_any_other_line_is_no_step(line: str):
    assert step_of(line) is None


LAST = {"release": "f" * 64, "outcome": "activated", "at_work": False, "since": 7.5, "message": "letters is running"}
LOST = """echo '{"step": "verify", "text": "3 files are intact"}'; sleep 0.3; kill -9 $PPID"""


@pytest.mark.parametrize("since", [7.5, 8.5])
def test_what_is_known_of_an_earlier_activation_of_the_same_release_is_not_the_outcome(since: float):
    """The agent ends like a connection that breaks; afterwards the device tells of its last activation."""
    outcome = ["echo", json.dumps({"activation": LAST | {"since": since}})]
    command = DetachedCommand(["sh", "-c", LOST], outcome)
    context = StepContext(Installation.at("/srv/kiosk", Mode.PLAIN), "e" * 64, "maria@workstation:1")
    session = Session(Local("kiosk"), elevate=False)
    watch = ActivationWatch(session, context, "f" * 64, command, LAST, Quiet())

    if since == LAST["since"]:
        with pytest.raises(DeviceError, match="the connection broke before the switch; deploy again"):
            watch.follow()
    else:
        watch.follow()
        assert watch.log[-1] == ("activated", "letters is running")
