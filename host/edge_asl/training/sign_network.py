"""Training the sign network: two small networks on one hand's features, whose answers are multiplied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.progress import Advance, unwatched
from edge_asl.recipes.recipe import Sign
from edge_asl.training.quiet import keras, tf
from edge_asl.training.readings import DEVICE_VIEWS, Readings
from edge_asl_device.contract.hand_features import parts_of, shape_features, standardised
from edge_asl_device.contract.hand_points import FINGERS, SHAPE, SIGN_INPUTS, TURN

# A feature that hardly varies must not be blown up by its standardisation.
_FLOOR = 0.02
_HIDDEN, _DROPOUT, _INNER_DROPOUT = (256, 128), 0.3, 0.3


class SignNet(NamedTuple):
    """A trained network and the scaling of its features."""

    branches: keras.Model
    """The parts of standardised features (``parts_of``), float32 (n, k) → the logits of each branch (n, classes)."""
    scaling: NDArray[np.float32]
    """(2, ``FEATURES``)."""
    temperature: float = 1.0

    def network(self) -> keras.Model:
        """The parts of the features → the product of the branches' probabilities, the softmax of their logits' sum."""
        total = keras.layers.Add()(self.branches.outputs)
        return keras.Model(self.branches.inputs, keras.layers.Softmax()(total / self.temperature))

    def answer(self, readings: Readings, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probabilities float32 (n, classes) of pictures with a hand, as a device reads them."""
        views = [standardised(readings.features(rows, view), self.scaling) for view in DEVICE_VIEWS]
        network = self.network()
        answers = [np.asarray(network(parts_of(features), training=False)) for features in views]
        mean: NDArray[np.float32] = np.mean(np.stack(answers), axis=0, dtype=np.float32)
        return mean


class MeasuredShapes(NamedTuple):
    """Hands without pictures."""

    landmarks: NDArray[np.float32]
    """(m, 21, 2), left hands mirrored."""
    labels: NDArray[np.int64]
    """(m,)."""
    weights: NDArray[np.float32]
    """(m,), on the scale of the pictures'."""


NO_SHAPES = MeasuredShapes(np.zeros((0, 21, 2), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))


class SignJob(NamedTuple):
    """What a network is trained on."""

    readings: Readings
    rows: NDArray[np.int64]
    """int (n,): pictures with a hand."""
    labels: NDArray[np.int64]
    """int (n,): the class of each."""
    weights: NDArray[np.float32]
    """float32 (n,): how much each counts; 1 on average."""
    classes: int
    settings: Sign
    seed: int
    """Decides the weights at the start, what is drawn in each epoch, and the order."""
    measured: MeasuredShapes = NO_SHAPES
    """For the branch that knows the shape alone."""


def train_sign_network(
    job: SignJob, advance: Advance = unwatched, start: SignNet | None = None
) -> tuple[SignNet, tuple[float, ...]]:
    """Train, from the weights and with the scaling of ``start`` if there is one; returns the network and the loss of
    each epoch.
    """
    keras.utils.set_random_seed(job.seed)
    rng = np.random.default_rng(job.seed)
    scaling = _scaling_of(job) if start is None else start.scaling
    branches = build_branches(job.classes)
    if start is not None:
        branches.set_weights(start.branches.get_weights())
    batches = -(-len(job.rows) // job.settings.batch)
    step = _step(branches, job, batches)
    history = []
    # Drawing an epoch takes a third of its time, on a processor that is free.
    with ThreadPoolExecutor(1) as ahead:
        drawn = ahead.submit(_epoch, job, scaling, batches, rng)
        for epoch in range(job.settings.epochs):
            lessons = drawn.result()
            if epoch + 1 < job.settings.epochs:
                drawn = ahead.submit(_epoch, job, scaling, batches, rng)
            history.append(float(np.mean([step(*lesson) for lesson in lessons])))
            advance(epoch + 1, f"loss {history[-1]:.3f}")
    return SignNet(branches, scaling), tuple(history)


def _epoch(job: SignJob, scaling: NDArray[np.float32], batches: int, rng: np.random.Generator) -> list[Any]:
    """What the steps of an epoch take: features, labels and weights of some pictures, and the same of some shapes."""
    features = standardised(_drawn(job, rng), scaling)
    shapes = standardised(_drawn_shapes(job, rng), scaling[:, :SHAPE])
    order = (np.array_split(rng.permutation(len(many)), batches) for many in (job.rows, shapes))
    return [
        (
            (parts_of(features[some]), job.labels[some], job.weights[some]),
            (shapes[more], job.measured.labels[more], job.measured.weights[more]),
        )
        for some, more in zip(*order, strict=True)
    ]


def _scaling_of(job: SignJob) -> NDArray[np.float32]:
    plain = job.readings.features(job.rows)
    scaling: NDArray[np.float32] = np.stack([plain.mean(axis=0), plain.std(axis=0) + _FLOOR]).astype(np.float32)
    return scaling


def build_branches(classes: int) -> keras.Model:
    """The parts of the features → the logits of each branch, one output a branch.

    One branch knows the shape alone, which serves strangers best; the other knows all.
    """
    inner, shape = (keras.Input(tensor.shape[1:], name=name) for name, tensor in sorted(SIGN_INPUTS.items()))
    everything = keras.layers.Concatenate()([shape, inner])
    return keras.Model([inner, shape], [_branch(shape, "shape", classes), _branch(everything, "all", classes)])


def _branch(x: keras.KerasTensor, name: str, classes: int) -> keras.KerasTensor:
    for number, units in enumerate(_HIDDEN):
        x = keras.layers.Dense(units, activation="relu", name=f"{name}-{number}")(x)
        x = keras.layers.Dropout(_DROPOUT)(x)
    return keras.layers.Dense(classes, name=f"{name}-logits")(x)


def _step(branches: keras.Model, job: SignJob, batches: int) -> Any:
    """One step of training: each branch learns by itself, so that none leans on another that strangers may mislead."""
    settings, classes = job.settings, job.classes
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * batches)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    smoothing = settings.label_smoothing

    by_shape = keras.Model(branches.inputs[1], branches.outputs[0])

    def cost(logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        wanted = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
        return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(wanted, logits) * weights)

    def step(pictures: tuple[Any, ...], shapes: tuple[Any, ...]) -> tf.Tensor:
        features, labels, weights = pictures
        with tf.GradientTape() as tape:
            logits = branches(features | {"inner": _thinned(features["inner"])}, training=True)
            costs = [cost(one, labels, weights) for one in logits]
            costs.append(cost(by_shape(shapes[0], training=True), *shapes[1:]))
            loss = tf.add_n(costs) / tf.cast(2 * tf.shape(labels)[0], tf.float32)
        gradients = tape.gradient(loss, branches.trainable_variables)
        optimizer.apply_gradients(zip(gradients, branches.trainable_variables, strict=True))
        return loss

    # Said beforehand, because batches differ by one in length and each new length would make another graph.
    features = {name: tf.TensorSpec((None, tensor.shape[1]), tf.float32) for name, tensor in SIGN_INPUTS.items()}
    shapes = tf.TensorSpec((None, SHAPE), tf.float32)
    labels, weights = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,), tf.float32)
    signature = [(features, labels, weights), (shapes, labels, weights)]
    return tf.function(step, input_signature=signature, autograph=False)


def _thinned(inner: tf.Tensor) -> tf.Tensor:
    """Some of what the landmark model saw inside dropped, lest it be learned by heart, and nothing of the turn."""
    return tf.concat([inner[:, :TURN], tf.nn.dropout(inner[:, TURN:], _INNER_DROPOUT)], axis=1)


def _drawn(job: SignJob, rng: np.random.Generator) -> NDArray[np.float32]:
    """Features for one epoch: of each picture one of its readings, as another hand that is turned a little."""
    readings, rows, settings = job.readings, job.rows, job.settings
    view = rng.integers(0, readings.angle.shape[1], len(rows))
    turn = rng.normal(0, np.radians(settings.rotation_deg), len(rows)).astype(np.float32)
    moved = turned(other_bones(readings.landmarks[rows, view], settings.bones, rng), turn)
    palm = np.linalg.norm(moved[:, 9] - moved[:, 0], axis=1)[:, None, None]
    moved += (rng.normal(0, settings.noise, moved.shape) * palm).astype(np.float32)
    # What a mirrored region shows turns the other way.
    return readings.features(rows, view, moved, np.where(readings.mirrored[rows, view], -turn, turn))


def _drawn_shapes(job: SignJob, rng: np.random.Generator) -> NDArray[np.float32]:
    """The same of hands without pictures: their shape alone."""
    landmarks = job.measured.landmarks
    turn = rng.normal(0, np.radians(job.settings.rotation_deg), len(landmarks)).astype(np.float32)
    moved = turned(other_bones(landmarks, job.settings.bones, rng), turn)
    return shape_features(moved, np.zeros(len(landmarks), bool))


def other_bones(landmarks: NDArray[np.float32], spread: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Hands (n, 21, 2) with fingers and bones of other lengths, by a standard deviation of ``spread``."""
    n, moved = len(landmarks), landmarks.copy()
    for finger in FINGERS:
        length = 1 + rng.normal(0, spread, (n, 1))
        for start, end in pairwise(finger):
            bone = (landmarks[:, end] - landmarks[:, start]) * length * (1 + rng.normal(0, spread / 2, (n, 1)))
            moved[:, end] = moved[:, start] + bone
    return moved


def turned(landmarks: NDArray[np.float32], angle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hands (n, 21, 2) turned clockwise (y is down) around their wrists by ``angle`` (n,), radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    wrist = landmarks[:, :1]
    moved: NDArray[np.float32] = (wrist + np.einsum("nij,nkj->nki", rotation, landmarks - wrist)).astype(np.float32)
    return moved
