"""Training sign networks on a build's readings: on everybody, and without some of the people, to know strangers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.landmark_files import MeasuredHands
from edge_asl.errors import DataError
from edge_asl.evaluation.metrics import answers_in
from edge_asl.pipeline.context import BuildContext
from edge_asl.pipeline.people import (
    as_held,
    cool,
    doubted,
    fit_temperature,
    fit_threshold,
    folds_of,
    group_of,
    left_out_in_turn,
    shot_of,
)
from edge_asl.tflite.facts import facts_of
from edge_asl.tflite.manifest_model import name_of
from edge_asl.training.measured import fitted
from edge_asl.training.readings import DEVICE_VIEWS, Readings
from edge_asl_device.contract.hand_features import standardised
from edge_asl_device.contract.hand_points import SIGN_INPUTS
from edge_asl_device.contract.manifest import MODEL, OUTPUT_SCALE, OUTPUT_ZERO_POINT
from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.sign_network import SignNetwork
from edge_asl_device.text.held_letters import Folding

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.sign_network import MeasuredShapes, SignNet

CALIBRATION = 500
"""Hands that set the ranges of a quantized sign network."""
MEASURED = 0.6
"""A hand without a picture counts this much of one with a picture: how it was measured is not known."""

JUDGES = 3
"""Networks that judge labels, each trained without a third of the people."""
JUDGED_AFTER = 0.4
"""Of the epochs: long enough to know most hands, and short."""

Answer = Callable[[Readings, NDArray[np.int64]], NDArray[np.float32]]
"""Readings, pictures with a hand (n,) → probabilities (n, classes)."""


class LeftOut(NamedTuple):
    """What networks said of pictures whose people they had not seen, and what follows from it."""

    quantized: NDArray[np.float32]
    """(pictures, classes): probabilities of the int8 networks, temperature included; zeros where no hand was found, and
    for pictures of the test part."""
    plain: NDArray[np.float32]
    """The same of the float networks."""
    temperature: float
    """What the logits are divided by."""
    threshold: float
    """From which probability on an answer is sure enough."""


def load_left_out(path: Path) -> LeftOut:
    """What a build has written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = file["quantized"], file["plain"]
        return LeftOut(*arrays, float(file["temperature"]), float(file["threshold"]))


class Doubts(NamedTuple):
    """Labels that networks trained on other people deny."""

    rows: NDArray[np.int64]
    """(n,): their pictures."""
    said: NDArray[np.int64]
    """(n,): the class that they are taken for."""
    probability: NDArray[np.float32]
    """(n,): of that class."""


class Lessons(NamedTuple):
    """What the sign networks of one build are trained on."""

    context: BuildContext
    readings: Readings
    truth: NDArray[np.int64]
    """(N,): the class of each picture."""
    measured: MeasuredHands

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.context.dataset.labels)

    def seen(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the pictures ``rows`` in which a hand was found."""
        found: NDArray[np.int64] = rows[self.readings.found[rows]]
        return found

    def train(self, rows: NDArray[np.int64], what: str, share: float = 1.0) -> tuple[SignNet, tuple[float, ...]]:
        """A network trained on these pictures, for a share of the epochs, and its losses; ``what`` is told to who
        waits.
        """
        from edge_asl.training.sign_network import SignJob, train_sign_network

        recipe, seen = self.context.request.recipe, self.seen(rows)
        settings = msgspec.structs.replace(recipe.sign, epochs=max(1, round(share * recipe.sign.epochs)))
        weights = np.ones(len(seen), np.float32)
        shapes = self._shapes(seen)
        truth, seed = self.truth[seen], recipe.training.seed
        job = SignJob(self.readings, seen, truth, weights, self.classes, settings, seed, shapes)
        with self.context.progress.task(what, settings.epochs) as advance:
            return train_sign_network(job, advance)

    def doubts(self, rows: NDArray[np.int64], what: str) -> Doubts:
        """Which of the pictures ``rows`` have labels that networks trained on others of these people deny."""
        recipe, seen = self.context.request.recipe, self.seen(rows)
        pictures = [self.context.dataset.pictures[row] for row in seen]
        part = folds_of(pictures, JUDGES, recipe.training.seed)
        if not recipe.sign.doubt or not part.any():
            return Doubts(seen[:0], seen[:0], np.zeros(0, np.float32))
        labels, folding = self.context.dataset.labels, Folding(self.context.dataset.labels)
        shown = np.array([(group_of(picture), picture.label) for picture in pictures])
        answers = np.zeros((len(seen), self.classes), np.float32)
        known = np.zeros(len(seen), bool)
        for judge in range(part.max() + 1):
            own = part == judge
            net, _ = self.train(seen[~own], f"{what}: labels {judge + 1}/{part.max() + 1}", JUDGED_AFTER)
            answers[own] = [folding.held(answer) for answer in net.answer(self.readings, seen[own])]
            people = Counter(label for _, label in set(map(tuple, shown[~own])))
            known[own] = [people[label] > 1 for label in shown[own, 1]]
        meant = [as_held(labels, *pair) for pair in zip(answers, self.truth[seen].tolist(), strict=True)]
        denied = doubted(answers, np.array(meant, np.int64), known, recipe.sign.doubt)
        return Doubts(seen[denied], answers[denied].argmax(axis=1), answers[denied].max(axis=1, initial=0))

    def quantized(self, net: SignNet, rows: NDArray[np.int64]) -> bytes:
        """The network as a full int8 model, with ranges from some of the pictures that it was trained on."""
        from edge_asl.pipeline.quantize import quantize_sign_network

        rng = np.random.default_rng(self.context.request.recipe.training.seed)
        chosen = rng.permutation(self.seen(rows))[:CALIBRATION]
        return quantize_sign_network(net.network(), standardised(self.readings.features(chosen), net.scaling))

    def answers(self, answer: Answer, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probabilities of pictures, float32 (n, classes); zeros where no hand was found."""
        answers = np.zeros((len(rows), self.classes), np.float32)
        found = self.readings.found[rows]
        if found.any():
            answers[found] = answer(self.readings, rows[found])
        return answers

    def _shapes(self, seen: NDArray[np.int64]) -> MeasuredShapes:
        """The hands without pictures that are near enough to what was read of the pictures ``seen``."""
        from edge_asl.training.sign_network import NO_SHAPES, MeasuredShapes

        if not self.measured.labels:
            return NO_SHAPES
        number = {label: i for i, label in enumerate(self.context.dataset.labels)}
        labels = np.array([number.get(label, -1) for label in self.measured.labels], np.int64)
        mirror = np.where(self.readings.mirrored[seen, 0, None, None], (-1, 1), 1)
        own = (self.readings.landmarks[seen, 0] * mirror).astype(np.float32)
        landmarks, near = fitted(self.measured.landmarks, labels, own, self.truth[seen])
        near &= labels >= 0
        return MeasuredShapes(landmarks[near], labels[near], np.full(int(near.sum()), MEASURED, np.float32))


def leave_out(lessons: Lessons, rows: NDArray[np.int64]) -> LeftOut:
    """Leave the people of ``rows`` out in turn, some at a time; of one person, or of few pictures of nobody knows whom,
    some of the pictures.

    Raises:
        DataError: without some of them there is no hand to learn from.
    """
    context, truth = lessons.context, lessons.truth
    recipe, pictures = context.request.recipe, context.dataset.pictures
    chosen = [pictures[row] for row in rows]
    folds = folds_of(chosen, recipe.sign.folds, recipe.training.seed)
    if not folds.any():
        folds = folds_of(chosen, recipe.sign.folds, recipe.training.seed, shot_of)
    for fold in range(folds.max() + 1):
        if not len(lessons.seen(rows[folds != fold])):
            who = sorted({group_of(picture) for picture, own in zip(chosen, folds == fold, strict=True) if own})
            raise DataError(
                f"{context.dataset.name}: left out in turn, {', '.join(who)} leave no hand to learn from; add pictures "
                "of others, or put all into one folder, of which some pictures are then left out in turn"
            )
    in_turn = left_out_in_turn([picture.signer for picture in chosen])
    plain = np.zeros((len(pictures), lessons.classes), np.float32)
    quantized = plain.copy()
    for fold in range(folds.max() + 1):
        seen, left = rows[folds != fold], rows[folds == fold]
        what = f"without {in_turn.split()[0]} {fold + 1}/{folds.max() + 1}"
        # Whoever is left out must not judge labels either.
        net, _ = lessons.train(np.setdiff1d(seen, lessons.doubts(seen, what).rows), what)
        plain[left] = lessons.answers(net.answer, left)
        model = lessons.quantized(net, seen)
        quantized[left] = lessons.answers(int8_answer(model, net.scaling, lessons.classes), left)
    known = lessons.seen(rows)
    temperature = fit_temperature(plain[known], truth[known])
    plain[known], quantized[known] = cool(plain[known], temperature), cool(quantized[known], temperature)
    threshold = fit_threshold(quantized[known], truth[known], recipe.sign.precision)
    right = float((answers_in(context.dataset.labels, quantized[rows]) == truth[rows]).mean())
    context.progress.say(f"  {in_turn}: {right:.1%} right; sure from {threshold:.2f} on")
    return LeftOut(quantized, plain, temperature, threshold)


def int8_answer(model: bytes, scaling: NDArray[np.float32], classes: int) -> Answer:
    """What the device makes of a quantized sign network."""
    inputs = [name_of(tensor.name) for tensor in facts_of(model, MODEL).inputs]
    output = Tensor((1, classes), OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    engine = TfliteEngine(ModelSpec(Path(MODEL), tuple(SIGN_INPUTS[name] for name in inputs), (output,)), model)
    network = SignNetwork(engine, scaling, inputs)

    def answer(readings: Readings, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        views = [readings.features(rows, view) for view in DEVICE_VIEWS]
        answers = [[network.name(hand[np.newaxis])[0] for hand in features] for features in views]
        mean: NDArray[np.float32] = np.mean(np.array(answers), axis=0, dtype=np.float32)
        return mean

    return answer
