"""What pages get of a hand: small, and in step with the picture that it is drawn on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_asl_device.camera import Frame
from edge_asl_device.inference.loading import load
from edge_asl_device.kiosk.publishing import Publisher
from edge_asl_device.kiosk.reader import Reader
from edge_asl_device.kiosk.settings import Settings
from edge_asl_device.telemetry.metrics import Metrics
from edge_asl_device.telemetry.systemd import Watchdog
from edge_asl_device.web.broadcast import PICTURE_PERIOD_S
from edge_asl_device.web.messages import CameraView, HandView, PageState, SquareView


@pytest.fixture(scope="module")
def reader(golden_bundle: Path) -> Reader:
    return Reader(load(golden_bundle, "auto", 1))


@pytest.fixture
def publisher(reader: Reader, golden_bundle: Path) -> Iterator[Publisher]:
    made = Publisher("run", Settings(bundle=golden_bundle, source=""), reader, Metrics(), Watchdog())
    yield made
    made.hub.close()


def state(number: int, camera: str = "live") -> PageState:
    """The state of a frame in which everything is at ``number``; its text changes with it."""
    hand = HandView(((number, number),) * 21)
    return PageState(CameraView(camera, None), SquareView(number, number, 200), hand, "hand", text=str(number))


def publish(publisher: Publisher, shown: PageState, *, frame: bool = True) -> PageState:
    """What pages get."""
    picture = np.zeros((48, 64, 3), np.uint8)
    publisher.publish(shown, Frame(time.monotonic(), picture) if frame else None)
    return msgspec.json.decode(publisher.hub.state.current.value, type=PageState)


def test_a_hand_comes_with_the_picture_it_belongs_to(publisher: Publisher):
    hub = publisher.hub
    hub.watch_pictures(1)
    first = publish(publisher, state(1))
    assert (first.hand, first.square) == (state(1).hand, state(1).square)
    hub.show(b"", time.monotonic() + 60)  # the next picture is not due, however slow this machine is
    pictures = hub.picture.current.number
    between = publish(publisher, state(2))
    assert between.text == "2", "letters do not wait for a picture"
    assert (between.hand, between.square) == (state(1).hand, state(1).square)
    assert publish(publisher, msgspec.structs.replace(state(2), word="AB"), frame=False).hand == state(1).hand
    assert hub.picture.current.number == pictures
    hub.show(b"", 0.0)
    assert publish(publisher, state(3)).hand == state(3).hand
    assert hub.picture.current.number == pictures + 2


def test_without_pictures_every_hand_is_told(publisher: Publisher):
    assert [publish(publisher, state(n)).hand for n in (1, 2)] == [state(1).hand, state(2).hand]


def test_a_camera_that_fails_takes_the_hand_along(publisher: Publisher):
    publisher.hub.watch_pictures(1)
    publish(publisher, state(1))
    gone = PageState(CameraView("lost", None))
    assert publish(publisher, gone, frame=False).hand is None


def test_a_format_1_bundle_has_a_fixed_place(publisher: Publisher):
    assert msgspec.json.decode(publisher.hub.hello.current.value)["guide"] == "square"


def test_a_state_is_small():
    """Thirty a second, for every page: the hand in the largest frame costs 250 bytes."""
    hand = HandView(((1919, 1079),) * 21)
    bare, whole = PageState(CameraView("live", None)), PageState(CameraView("live", None), hand=hand)
    assert len(msgspec.json.encode(whole)) - len(msgspec.json.encode(bare)) < 280
    assert len(msgspec.json.encode(whole)) < 700
    assert PICTURE_PERIOD_S > 1 / 30, "fewer pictures than states"
