"""How a hand moves from sign to sign: steps in time, each from one state to another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.synthetic.pictures import NOTHING
from edge_asl.datasets.synthetic.poses import MOVING, POSES, RELAXED
from edge_asl.datasets.synthetic.skeleton import Pose

# The share of a letter's time spent moving to it; for the rest it is held.
TRANSITION = 0.35
AWAY_S = 1.0
ENTER_S = 0.45
# J and Z are drawn in the air, which takes its time whatever the pace.
DRAW_S = 0.8


class State(NamedTuple):
    """Where a hand is and how it is held."""

    pose: Pose
    x: float = 0.0
    """Palms from its usual position towards the thumb's side."""
    y: float = 0.0
    """Palms upwards."""

    def mixed(self, other: State, share: float) -> State:
        """The state ``share`` (0…1) of the way to the other."""
        return State(
            self.pose.mixed(other.pose, share),
            self.x + (other.x - self.x) * share,
            self.y + (other.y - self.y) * share,
        )


# Three palms down, the whole hand is out of the picture: half the square is at most 1.5 palms.
OUT = State(RELAXED, 0.0, -3.2)


class Step(NamedTuple):
    """A stretch of time in which the hand passes through states, or holds one."""

    duration_s: float
    sign: str | None
    """As ``film.Segment.sign``."""
    states: tuple[State, ...]

    def at(self, share: float) -> State:
        """The state after ``share`` (0…1) of the step: eases in and out, without a stop at the states between."""
        if len(self.states) == 1:
            return self.states[0]
        eased = share * share * (3 - 2 * share) * (len(self.states) - 1)
        leg = min(int(eased), len(self.states) - 2)
        return self.states[leg].mixed(self.states[leg + 1], eased - leg)


def _path_of(sign: str) -> tuple[State, ...]:
    """The states of a sign: one, or for J and Z the corners of what is drawn.

    The signer draws as if for their own eyes, so the viewer sees J and Z from behind: J hooks to the viewer's right,
    Z begins towards the viewer's left.
    """
    if sign == "J":
        corners = ((-0.15, 0.30, 0), (-0.15, -0.25, 0), (0.0, -0.42, -25), (0.22, -0.36, -55), (0.30, -0.12, -70))
        start = MOVING["J"]
        return tuple(State(_turned(start, roll=-turn * 0.6, turn=turn), x, y) for x, y, turn in corners)
    if sign == "Z":
        stroke_ends = ((0.35, 0.25), (-0.35, 0.25), (0.35, -0.30), (-0.35, -0.30))
        return tuple(State(MOVING["Z"], x, y) for x, y in stroke_ends)
    return (State(POSES[sign]),)


def _turned(pose: Pose, roll: float, turn: float) -> Pose:
    return pose._replace(wrist=pose.wrist + np.array((roll, 0.0, turn, 0.0)))


def spelled(text: str, letter_s: float) -> list[Step]:
    """The steps that show ``text`` (upper case, single spaces), ``letter_s`` seconds a letter."""
    steps = [Step(AWAY_S, NOTHING, (OUT,))]
    for word in text.split(" "):
        paths = [_path_of(sign) for sign in word]
        steps.append(Step(ENTER_S, None, (OUT, paths[0][0])))
        for index, (sign, path) in enumerate(zip(word, paths, strict=True)):
            if index:
                transition = _between(word[index - 1 : index + 1], paths[index - 1][-1], path[0])
                steps.append(Step(letter_s * TRANSITION, None, transition))
            hold = letter_s * (1 - TRANSITION)
            steps.append(Step(hold if len(path) == 1 else max(hold, DRAW_S), sign, path))
        steps.append(Step(ENTER_S, None, (paths[-1][-1], OUT)))
        steps.append(Step(max(AWAY_S, letter_s), NOTHING, (OUT,)))
    return steps


def _between(pair: str, last: State, following: State) -> tuple[State, ...]:
    """Straight from one letter to the next; between two equal ones the hand relaxes, a little to the side."""
    if pair[0] != pair[1]:
        return last, following
    relaxed = State(last.pose.mixed(RELAXED, 0.85), 0.22, 0.06)
    # Twice the same state: relax, stay so for a moment, form the letter again.
    return last, relaxed, relaxed, following


def shaken(steps: list[Step], rng: np.random.Generator) -> list[Step]:
    """The same steps by a living hand: no letter twice the same, and each step still starts where the last ended.

    Two steps that share a state keep sharing it.
    """
    made: dict[int, State] = {}

    def live(state: State) -> State:
        if id(state) not in made:
            made[id(state)] = state._replace(pose=state.pose.shaken(rng, fingers=2.0, wrist=3.5))
        return made[id(state)]

    return [step._replace(states=tuple(live(state) for state in step.states)) for step in steps]


class Tremor(NamedTuple):
    """What a living hand does while holding still: slow drift and a faint tremble, smooth in time."""

    speed: NDArray[np.float64]
    """(28, 3), radians a second: 26 angles and two offsets, three waves each."""
    phase: NDArray[np.float64]
    """(28, 3), radians."""

    @classmethod
    def of(cls, rng: np.random.Generator) -> Tremor:
        """One person's: waves of 0.1 to 2 hertz, nothing regular."""
        return cls(2 * np.pi * rng.uniform(0.1, 2.0, (28, 3)), rng.uniform(0, 2 * np.pi, (28, 3)))

    def applied(self, state: State, time_s: float) -> State:
        """The state with the tremor at that time: about a degree in every joint, a hundredth of a palm in position."""
        wave = np.sin(self.speed * time_s + self.phase).sum(axis=1) / np.sqrt(1.5)
        shake = Pose(wave[:16].reshape(4, 4) * 0.8, wave[16:22].reshape(3, 2) * 0.8, wave[22:26] * 1.2)
        pose = Pose(*(a + b for a, b in zip(state.pose, shake, strict=True)))
        return State(pose, state.x + float(wave[26]) * 0.012, state.y + float(wave[27]) * 0.012)
