"""The two phases of training, each read from top to bottom."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import PackedPictures
from edge_asl.errors import TrainingError
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Recipe, Training
from edge_asl.training import checkpoint as checkpoints
from edge_asl.training.backbone import NO_WEIGHTS, backbone_of, build_network
from edge_asl.training.batches import Pictures, Source, plain_batches, training_batches
from edge_asl.training.checkpoint import Checkpoint, Epoch
from edge_asl.training.prefix import PrefixedSource, cut
from edge_asl.training.quiet import keras, tf

_EVALUATION_BATCH = 64


class Job(NamedTuple):
    """What a training works on."""

    recipe: Recipe
    packed: PackedPictures
    train: NDArray[np.int64]
    """Rows of ``packed``."""
    validation: NDArray[np.int64]
    classes: int
    weights: str
    """``imagenet``, ``none`` or a file."""
    features: Path
    """Where phase one keeps its features; the name holds the digest of all they depend on."""
    checkpoint: Path
    logs: Path
    """TensorBoard's folder."""

    @property
    def pictures(self) -> Pictures:
        """The pictures as network inputs."""
        return Pictures(self.packed, self.recipe.augmentation, self.recipe.training.seed)


def train(job: Job, progress: Progress) -> tuple[keras.Model, tuple[Epoch, ...]]:
    """Both phases; a killed training goes on after its last whole epoch. Returns the best averaged network.

    Raises:
        TrainingError: weights that do not fit, a loss that is no number.
    """
    keras.utils.set_random_seed(job.recipe.training.seed)
    # The same seed gives the same model, also across a kill and a resume.
    tf.config.experimental.enable_op_determinism()
    network = build_network(job.recipe.model, job.classes, job.weights)
    state = checkpoints.load(job.checkpoint)
    if state is None and job.recipe.training.head_epochs and job.weights != NO_WEIGHTS:
        fit_head(network, job, progress)
    try:
        return network, fine_tune(network, job, state, progress)
    except tf.errors.ResourceExhaustedError as error:
        reason = " ".join(str(error).split())[-300:]
        raise TrainingError(
            f"{job.logs}: expected memory and disk space, found TensorFlow without: {reason}; "
            "free some, or lower training.batch"
        ) from error


def fit_head(network: keras.Model, job: Job, progress: Progress) -> None:
    """Phase one: a softmax on pooled features (N, F) of the frozen backbone, computed once and cached."""
    rows = np.concatenate([job.train, job.validation])
    features = _cached_features(network, job, rows, progress)
    known, labels = features[: len(job.train)], job.packed.classes[job.train]
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Dropout(job.recipe.model.dropout, seed=1),
            keras.layers.Dense(job.classes, activation="softmax"),
        ]
    )
    head.compile(keras.optimizers.Adam(job.recipe.training.head_learning_rate), "sparse_categorical_crossentropy")
    epochs = job.recipe.training.head_epochs
    with progress.task("head on frozen features", epochs) as advance:
        told = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: advance(epoch + 1, f"loss {logs['loss']:.3f}")
        )
        head.fit(known, labels, batch_size=64, epochs=epochs, verbose=0, callbacks=[told])
    network.get_layer("head").set_weights(head.layers[-1].get_weights())
    unseen = head.predict(features[len(job.train) :], batch_size=256, verbose=0).argmax(axis=1)
    right = float((unseen == job.packed.classes[job.validation]).mean())
    progress.say(f"  frozen backbone: validation accuracy {right:.1%}")


def fine_tune(network: keras.Model, job: Job, state: Checkpoint | None, progress: Progress) -> tuple[Epoch, ...]:
    """Phase two: train the last layers or all, average the weights, leave the best average in ``network``."""
    how = job.recipe.training
    _unfreeze(network, how)
    averaged = keras.models.clone_model(network)
    averaged.set_weights(network.get_weights())
    for left in job.checkpoint.parent.glob("frozen-*"):
        shutil.rmtree(left)  # by a training that was killed
    with tempfile.TemporaryDirectory(prefix="frozen-", dir=job.checkpoint.parent) as scratch:
        stage = _stage(network, averaged, job, Path(scratch), progress)
        return _epochs(network, averaged, stage, job, state, progress)


class Stage(NamedTuple):
    """What phase two runs: the whole network on pictures, or its tail on what the frozen layers make of them."""

    source: Source
    trained: keras.Model
    averaged: keras.Model


def _stage(network: keras.Model, averaged: keras.Model, job: Job, scratch: Path, progress: Progress) -> Stage:
    how = job.recipe.training
    if how.layers == "all" or not how.variants:
        return Stage(job.pictures, network, averaged)
    prefix, tail = cut(network, how.layers)
    source = PrefixedSource(job.pictures, prefix, scratch, how.variants, progress)
    return Stage(source, tail, cut(averaged, how.layers).tail)


def _epochs(
    network: keras.Model, averaged: keras.Model, stage: Stage, job: Job, state: Checkpoint | None, progress: Progress
) -> tuple[Epoch, ...]:
    how = job.recipe.training
    optimizer = _optimizer(how, len(job.train))
    optimizer.build(stage.trained.trainable_variables)
    step = _training_step(stage, optimizer, how, job.classes)
    history: tuple[Epoch, ...] = ()
    best = averaged.get_weights()
    if state is not None:
        _restore(state, network, averaged, optimizer)
        history, best = state.history, state.best
        progress.say(f"  going on after epoch {len(history)} of {how.epochs}")
    writer = tf.summary.create_file_writer(str(job.logs))
    judge = predictor(stage.averaged)
    while len(history) < how.epochs and not _out_of_patience(history, how.patience):
        started = time.monotonic()
        number = len(history) + 1
        fitted = _run_epoch(step, stage.source, job, number, progress)
        judged = evaluate(judge, stage.source, job.validation)
        entry = Epoch(number, *fitted, *judged, round(time.monotonic() - started, 2))
        if entry.validation_loss <= min((e.validation_loss for e in history), default=np.inf):
            best = averaged.get_weights()
        history = (*history, entry)
        checkpoints.save(job.checkpoint, _snapshot(network, averaged, optimizer, best, history))
        _log(writer, entry)
        progress.say(
            f"  epoch {number}/{how.epochs}: loss {entry.loss:.3f}, accuracy {entry.accuracy:.1%}, validation loss "
            f"{entry.validation_loss:.3f}, accuracy {entry.validation_accuracy:.2%}, {entry.seconds:.0f} s"
        )
    network.set_weights(best)
    return history


def evaluate(run: Any, source: Source, rows: NDArray[np.int64]) -> tuple[float, float]:
    """Cross-entropy in nats and accuracy, 0 to 1, of a ``predictor`` on ``rows``."""
    source.prepare(rows, None)
    probabilities = _predict(run, source, rows)
    of_truth = probabilities[np.arange(len(rows)), source.classes[rows]]
    right = probabilities.argmax(axis=1) == source.classes[rows]
    return float(-np.log(np.maximum(of_truth, 1e-7)).mean()), float(right.mean())


def predict(network: keras.Model, source: Source, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Float32 (len(rows), classes): the float network's probabilities."""
    return _predict(predictor(network), source, rows)


def predictor(network: keras.Model) -> Any:
    """The network's inference as one graph, traced once: (batch, H, W, C) → softmax (batch, classes)."""
    return tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)


def _predict(run: Any, source: Source, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    batches = plain_batches(source, rows, _EVALUATION_BATCH)
    return np.concatenate([run(inputs).numpy() for inputs, _ in batches])


def _cached_features(
    network: keras.Model, job: Job, rows: NDArray[np.int64], progress: Progress
) -> NDArray[np.float32]:
    if job.features.exists():
        found: NDArray[np.float32] = np.load(job.features)
        return found
    pooled = keras.Model(network.inputs, network.get_layer("pool").output)
    run = predictor(pooled)
    parts: list[NDArray[np.float32]] = []
    with progress.task("features", len(rows)) as advance:
        for pictures, _ in plain_batches(job.pictures, rows, _EVALUATION_BATCH):
            parts.append(run(pictures).numpy())
            advance(sum(map(len, parts)), "")
    features = np.concatenate(parts)
    beside = job.features.with_suffix(".tmp.npy")
    np.save(beside, features)
    beside.replace(job.features)
    return features


def _unfreeze(network: keras.Model, how: Training) -> None:
    """Mark what trains. A frozen batch norm must itself be untrainable: under a training call ``training=False``
    on the backbone does not reach it."""
    layers = backbone_of(network).layers
    trained = len(layers) if how.layers == "all" else how.layers
    if trained > len(layers):
        raise TrainingError(f"training.layers: expected at most the backbone's {len(layers)}, found {trained}")
    for i, layer in enumerate(layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = i >= len(layers) - trained and not (norm and how.batch_norm == "frozen")
        if norm:
            layer.momentum = how.batch_norm_momentum


def _optimizer(how: Training, pictures: int) -> keras.optimizers.Optimizer:
    """AdamW; the rate climbs during the warm-up and falls along a cosine to zero."""
    steps = max(1, pictures // min(how.batch, pictures))
    warmup = round(how.warmup_epochs * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=how.learning_rate / 100 if warmup else how.learning_rate,
        decay_steps=max(1, how.epochs * steps - warmup),
        warmup_target=how.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=how.weight_decay)
    # Decay pulls weights to zero; for a norm's scale and for biases that is no prior worth having.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _training_step(stage: Stage, optimizer: Any, how: Training, classes: int) -> Any:
    """One graph: forward, backward, update, average. (B, H, W, 3), (B,) → loss, accuracy."""

    def step(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        smooth = tf.one_hot(labels, classes) * (1 - how.label_smoothing) + how.label_smoothing / classes
        with tf.GradientTape() as tape:
            probabilities = stage.trained(pictures, training=True)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(smooth, probabilities))
        variables = stage.trained.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        # Short at first, so that the average forgets the start: min(decay, (1 + t) / (10 + t)).
        t = tf.cast(optimizer.iterations, tf.float32)
        decay = tf.minimum(how.averaging, (1 + t) / (10 + t)) if how.averaging else 0.0
        for mean, weight in zip(stage.averaged.weights, stage.trained.weights, strict=True):
            mean.assign(weight + decay * (mean - weight))
        right = tf.equal(tf.argmax(probabilities, axis=1, output_type=tf.int32), labels)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))

    return tf.function(step, reduce_retracing=True)


def _run_epoch(step: Any, source: Source, job: Job, number: int, progress: Progress) -> tuple[float, float]:
    """Mean loss and accuracy over the epoch's batches."""
    how = job.recipe.training
    batch = min(how.batch, len(job.train))
    source.prepare(job.train, number)
    batches = training_batches(source, job.train, batch, how.seed, number)
    total = len(job.train) // batch
    sums = np.zeros(2)
    with progress.task(f"epoch {number}/{how.epochs}", total) as advance:
        for done, (pictures, labels) in enumerate(batches, 1):
            loss, accuracy = step(pictures, labels)
            sums += float(loss), float(accuracy)
            if not np.isfinite(sums[0]):
                raise TrainingError(
                    f"epoch {number}: expected a finite loss, found {float(loss)}; "
                    f"lower training.learning_rate ({how.learning_rate:g})"
                )
            advance(done, f"loss {sums[0] / done:.3f} accuracy {sums[1] / done:.1%}")
    return float(sums[0] / total), float(sums[1] / total)


def _out_of_patience(history: tuple[Epoch, ...], patience: int) -> bool:
    """Whether the best validation loss lies ``patience`` or more epochs back."""
    if not patience or not history:
        return False
    best = min(range(len(history)), key=lambda i: history[i].validation_loss)
    return len(history) - 1 - best >= patience


def _snapshot(
    network: keras.Model, averaged: keras.Model, optimizer: Any, best: list[Any], history: tuple[Epoch, ...]
) -> Checkpoint:
    return Checkpoint(
        [v.numpy() for v in network.variables],
        averaged.get_weights(),
        [v.numpy() for v in optimizer.variables],
        best,
        history,
    )


def _restore(state: Checkpoint, network: keras.Model, averaged: keras.Model, optimizer: Any) -> None:
    for variable, value in _pairs(network.variables, state.variables):
        variable.assign(value)
    averaged.set_weights(state.averaged)
    for variable, value in _pairs(optimizer.variables, state.optimizer):
        variable.assign(value)


def _pairs(variables: list[Any], values: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(variables, values, strict=True)


def _log(writer: Any, entry: Epoch) -> None:
    with writer.as_default(step=entry.epoch):
        for name, value in entry._asdict().items():
            if name != "epoch":
                tf.summary.scalar(name, value)
    writer.flush()
