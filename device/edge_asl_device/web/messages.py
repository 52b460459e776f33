"""What a page shows, as plain values: ``event: hello`` once a connection, ``event: state`` at every change."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from edge_asl_device.text.practice import Exercise

Scene = Literal["hand", "no-hand", "too-dark"]
VoiceState = Literal["ready", "speaking", "muted", "failed", "absent"]
Phase = Literal["get-ready", "storing", "no-hand", "moving", "paused", "done", "disk-full"]
Guide = Literal["square", "anywhere"]


class CameraView(Struct, frozen=True):
    """The camera's state and the reason for it."""

    state: str
    reason: str | None


class Letter(Struct, frozen=True):
    """The sign in front."""

    label: str
    probability: float
    """Smoothed, 0 to 1."""
    held: float
    """Share of the holding time, 0 to 1."""


Reason = Literal["dark", "cut-off", "far", "two-hands", "moving", "unsure"]
"""Why nothing is read: it is too dark, a part of the hand is outside the picture, the hand is too small in it, another
one is raised beside it, it moves, or none of these."""


class Doubt(Struct, frozen=True):
    """A hand is seen, or it is too dark to see one, but no sign is probable enough to be in front."""

    reason: Reason
    guess: str | None = None
    """The label that has been the most probable for a while, though not probable enough; never shown as read."""


class Accepted(Struct, frozen=True):
    """The sign that became text last."""

    label: str
    number: int
    """Grows by one with each."""


class Notice(Struct, frozen=True):
    """Something that staff should know."""

    kind: Literal["model-changed", "model-refused", "processor-instead-of-edgetpu"]
    text: str


class Capturing(Struct, frozen=True):
    """Pictures are being stored."""

    person: str
    label: str
    stored: int
    wanted: int
    sign: int
    """Which of the signs, from 1."""
    signs: int
    phase: Phase
    next_in_s: float
    following: str | None = None
    """The sign after this one."""
    looks_like: str | None = None
    """Another sign that the last picture surely looks like."""


class SquareView(Struct, frozen=True):
    """The part of the frame that the model sees, in pixels."""

    x: int
    y: int
    side: int


class HandView(Struct, frozen=True):
    """The followed hand, for its skeleton."""

    landmarks: tuple[tuple[int, int], ...]
    """21 points (x, y) in pixels of the frame, MediaPipe's order: the wrist, then thumb to little finger, each from
    root to tip."""


class Visit(Struct, frozen=True):
    """Who is there: a visitor, or nobody."""

    number: int
    """Of the visits that have begun: another one is another visitor."""
    here: bool
    """Whether it goes on."""
    ends_in_s: int | None = None
    """Seconds until everything of this visitor goes, shortly before; a touch or a hand gives more time."""


class PageState(Struct, frozen=True):
    """Everything that changes."""

    camera: CameraView
    square: SquareView | None = None
    """The part of the frame that is read; the last one while no frame comes. None where no hand was found."""
    hand: HandView | None = None
    """The hand in the square; None where no hand stage follows one."""
    scene: Scene | None = None
    letter: Letter | None = None
    doubt: Doubt | None = None
    """Why there is no letter although there is a hand; None for the moment between two letters."""
    accepted: Accepted | None = None
    text: str = ""
    word: str = ""
    """The unfinished word."""
    suggestions: tuple[str, ...] = ()
    undoable: bool = False
    """Whether there is anything to undo."""
    corrected: str | None = None
    """A corrected reading of ``text``, if there is one; never shown instead of it."""
    voice: VoiceState = "absent"
    visit: Visit = Visit(0, False)
    practice: Exercise | None = None
    """None while the visitor writes."""
    open_hand: float = 0.0
    """Share of the time for which an open hand must be held to begin or end practice, 0 to 1."""
    language: str = ""
    """Of voice and suggestions, and of every page on which nobody chose another; empty: as the hello says."""
    left: bool = False
    """Whether this visitor signs with the left hand: the last that was seen for long enough."""
    slow: bool = False
    """Whether this visitor has asked for more time for each sign."""
    notices: tuple[Notice, ...] = ()
    capture: Capturing | None = None
    fps: float = 0.0
    latency_ms: float | None = None
    """From capture to now, of the last frame."""
    captured_s: float | None = None
    """Monotonic seconds at which the frame was captured."""


class Sign(Struct, frozen=True):
    """A label of the model and the picture of its handshape, if there is one."""

    label: str
    picture: str | None


class FrameSize(Struct, frozen=True):
    """Of the camera's pictures, in pixels."""

    width: int
    height: int


class BundleView(Struct, frozen=True):
    """Which bundle reads."""

    name: str
    version: str
    digest: str


class Hello(Struct, frozen=True):
    """Everything that hardly ever changes."""

    program: str
    run: str
    """Another one after every start."""
    language: str
    mode: Literal["read", "capture"]
    mirror: bool
    private: bool
    """Whether no other machine can see the page, so that nothing leaves the device."""
    hold_s: float
    attract_after_s: float
    """How long nobody is there before drawn hands spell a word on the page; 0: never."""
    touchless: bool
    """Whether an open hand begins and ends practice."""
    guide: Guide
    """Where to hold the hand: in a square that stays, or anywhere in the picture, where it is followed."""
    frame: FrameSize | None
    bundle: BundleView
    signs: tuple[Sign, ...]
