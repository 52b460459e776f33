"""The two phases of training, each to be read from top to bottom."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import PixelStore
from edge_asl.errors import TrainingError
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import Recipe, Training
from edge_asl.training import checkpoint as checkpoints
from edge_asl.training.backbone import backbone_of, build_network, head_layers, pooled
from edge_asl.training.batches import InputSource, PictureInputs, plain_batches, training_batches
from edge_asl.training.checkpoint import Checkpoint, Epoch, EpochListener, unheard
from edge_asl.training.precision import PLAIN, layers_of
from edge_asl.training.prefix import FrozenFeatures, cut
from edge_asl.training.quiet import keras, tf
from edge_asl.training.spread import Spread, agree, alone, here, lost_workers_named, whole_batch_statistics
from edge_asl.training.weights import NO_WEIGHTS
from edge_asl_device.files import replacing_file

_EVALUATION_BATCH = 64


class TrainingJob(NamedTuple):
    """What a training run works on."""

    recipe: Recipe
    pixels: PixelStore
    train: NDArray[np.int64]
    """Rows of ``pixels``."""
    validation: NDArray[np.int64]
    classes: int
    weights: str
    """``imagenet``, ``none`` or a file."""
    features: Path
    """Where phase one keeps its features; the name contains the digest of all they depend on."""
    checkpoint: Path
    logs: Path
    """TensorBoard's folder."""
    epochs: Path | None = None
    """Folder that keeps the weights of every epoch, if the recipe says so."""
    listener: EpochListener = unheard
    digest: str = "00" * 32
    """SHA-256 of all that the trained network depends on: several workers must have the same."""

    @property
    def inputs(self) -> PictureInputs:
        """The pictures as network inputs."""
        return PictureInputs(self.pixels, self.recipe.augmentation, self.recipe.training.seed)


def train(job: TrainingJob, progress: Progress, spread: Spread | None = None) -> tuple[keras.Model, tuple[Epoch, ...]]:
    """Run both phases, resuming after the last completed epoch. Returns the averaged network of the best epoch.

    ``spread`` says what shares the work; by default all GPUs of this machine. Of several workers only the chief reads
    and writes the checkpoint; all return the same network.

    Raises:
        TrainingError: weights that do not match the network, a loss that is not finite, a worker that was lost or has
            other data.
    """
    spread = here() if spread is None else spread
    keras.utils.set_random_seed(job.recipe.training.seed)
    # The same seed gives the same model, even if training is killed and resumed.
    tf.config.experimental.enable_op_determinism()
    state = checkpoints.load(job.checkpoint) if spread.is_chief else None
    try:
        with lost_workers_named("start all workers again: training resumes after the last epoch that was completed"):
            done = agree(spread, job.digest, 0 if state is None else len(state.history))
            with spread.strategy.scope(), layers_of(spread.precision):
                network = build_network(job.recipe.model, job.classes, job.weights)
            if not done and job.recipe.training.head_epochs and job.weights != NO_WEIGHTS:
                fit_head(network, job, progress, spread)
            history = fine_tune(network, job, state, progress, spread)
            return _plain(network, job, spread), history
    except tf.errors.ResourceExhaustedError as error:
        reason = " ".join(str(error).split())[-300:]
        raise TrainingError(
            f"{job.logs}: out of memory or disk space: {reason}; free some, or lower training.batch"
        ) from error


def _plain(network: keras.Model, job: TrainingJob, spread: Spread) -> keras.Model:
    """The network in float32, as it is quantized."""
    if spread.precision.policy == PLAIN.policy:
        return network
    plain = build_network(job.recipe.model, job.classes, NO_WEIGHTS)
    plain.set_weights(network.get_weights())
    return plain


def fit_head(network: keras.Model, job: TrainingJob, progress: Progress, spread: Spread) -> None:
    """Phase one: the head on pooled features (N, F) of the frozen backbone, computed once and cached.

    Several workers compute the features together; the head is trained by the chief.
    """
    rows = np.concatenate([job.train, job.validation])
    features = _cached_features(network, job, rows, progress, spread)
    if not spread.is_chief:
        return
    known, labels = features[: len(job.train)], job.pixels.classes[job.train]
    head = keras.Sequential([keras.Input(features.shape[1:]), *head_layers(job.recipe.model, job.classes)])
    head.compile(keras.optimizers.Adam(job.recipe.training.head_learning_rate), "sparse_categorical_crossentropy")
    epochs = job.recipe.training.head_epochs
    with progress.task("head on frozen features", epochs) as advance:
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: advance(epoch + 1, f"loss {logs['loss']:.3f}")
        )
        head.fit(known, labels, batch_size=64, epochs=epochs, verbose=0, callbacks=[callback])
    for layer in head.layers:
        network.get_layer(layer.name).set_weights(layer.get_weights())
    unseen = head.predict(features[len(job.train) :], batch_size=256, verbose=0).argmax(axis=1)
    right = float((unseen == job.pixels.classes[job.validation]).mean())
    progress.say(f"  frozen backbone: validation accuracy {right:.1%}")


def fine_tune(
    network: keras.Model,
    job: TrainingJob,
    state: Checkpoint | None,
    progress: Progress,
    spread: Spread | None = None,
) -> tuple[Epoch, ...]:
    """Phase two: train the last layers or all, average the weights, leave the best epoch's average in ``network``,
    whose variables ``spread``'s strategy made."""
    spread = alone() if spread is None else spread
    settings = job.recipe.training
    _unfreeze(network, settings)
    with spread.strategy.scope():
        averaged = keras.models.clone_model(network)
    averaged.set_weights(network.get_weights())
    for left in job.checkpoint.parent.glob("frozen-*"):
        shutil.rmtree(left)  # by a training run that was killed
    with tempfile.TemporaryDirectory(prefix="frozen-", dir=job.checkpoint.parent) as scratch:
        trainable = _trainable(network, averaged, job, Path(scratch), progress, spread)
        with whole_batch_statistics(network, spread, _batch(job)):
            return _epochs(network, averaged, trainable, job, state, progress, spread)


class Trainable(NamedTuple):
    """What phase two trains: the whole network on pictures, or its tail on the outputs of the frozen layers."""

    source: InputSource
    network: keras.Model
    averaged: keras.Model


def _trainable(
    network: keras.Model, averaged: keras.Model, job: TrainingJob, scratch: Path, progress: Progress, spread: Spread
) -> Trainable:
    settings = job.recipe.training
    if settings.layers == "all" or not settings.variants:
        return Trainable(job.inputs, network, averaged)
    prefix, tail = cut(network, settings.layers)
    source = FrozenFeatures(job.inputs, prefix, scratch, settings.variants, progress, spread.together)
    return Trainable(source, tail, cut(averaged, settings.layers).tail)


def _epochs(
    network: keras.Model,
    averaged: keras.Model,
    trainable: Trainable,
    job: TrainingJob,
    state: Checkpoint | None,
    progress: Progress,
    spread: Spread,
) -> tuple[Epoch, ...]:
    settings = job.recipe.training
    with spread.strategy.scope():
        optimizer = _optimizer(settings, len(job.train))
        optimizer.build(trainable.network.trainable_variables)
    step = _training_step(trainable, optimizer, job, spread)
    if spread.cluster is not None:
        state = _chiefs(state or _snapshot(network, averaged, optimizer, averaged.get_weights(), ()), spread)
    history: tuple[Epoch, ...] = ()
    best = averaged.get_weights()
    if state is not None:
        _restore(state, network, averaged, optimizer)
        history, best = state.history, state.best
    if history:
        progress.say(f"  resuming after epoch {len(history)} of {settings.epochs}")
        for entry in history:
            job.listener(entry)
    writer = tf.summary.create_file_writer(str(job.logs)) if spread.is_chief else tf.summary.create_noop_writer()
    run = predictor(trainable.averaged)
    while len(history) < settings.epochs and not _stops_early(history, settings.patience):
        started = time.monotonic()
        number = len(history) + 1
        fitted = _run_epoch(step, trainable.source, job, number, progress, spread)
        validated = evaluate(run, trainable.source, job.validation, spread)
        entry = Epoch(number, *fitted, *validated, round(time.monotonic() - started, 2))
        lowest = entry.validation_loss <= min((e.validation_loss for e in history), default=np.inf)
        if lowest or settings.keep == "last":
            best = averaged.get_weights()
        history = (*history, entry)
        if spread.is_chief:
            checkpoints.save(job.checkpoint, _snapshot(network, averaged, optimizer, best, history))
            _log(writer, entry)
        if spread.is_chief and job.epochs is not None:
            _keep_epoch(averaged, job.epochs, entry)
        progress.say(
            f"  epoch {number}/{settings.epochs}: loss {entry.loss:.3f}, accuracy {entry.accuracy:.1%}, validation "
            f"loss {entry.validation_loss:.3f}, accuracy {entry.validation_accuracy:.2%}, {entry.seconds:.0f} s"
        )
        job.listener(entry)
    network.set_weights(best)
    return history


def evaluate(run: Any, source: InputSource, rows: NDArray[np.int64], spread: Spread) -> tuple[float, float]:
    """Cross-entropy in nats and accuracy, 0 to 1, of a ``predictor`` on ``rows``."""
    source.prepare(rows, None)
    probabilities = spread.together(rows, lambda mine: predict_rows(run, source, mine))
    of_truth = probabilities[np.arange(len(rows)), source.classes[rows]]
    right = probabilities.argmax(axis=1) == source.classes[rows]
    return float(-np.log(np.maximum(of_truth, 1e-7)).mean()), float(right.mean())


def predictor(network: keras.Model) -> Any:
    """The network's inference as one graph, traced once: (batch, H, W, C) → softmax (batch, classes)."""
    return tf.function(lambda inputs: tf.cast(network(inputs, training=False), tf.float32), reduce_retracing=True)


def predict_rows(run: Any, source: InputSource, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Float32 (len(rows), classes): the probabilities that a ``predictor`` gives."""
    batches = plain_batches(source, rows, _EVALUATION_BATCH)
    return np.concatenate([run(inputs).numpy() for inputs, _ in batches])


def _cached_features(
    network: keras.Model, job: TrainingJob, rows: NDArray[np.int64], progress: Progress, spread: Spread
) -> NDArray[np.float32]:
    if agree(spread, job.digest, int(job.features.exists())):
        found: NDArray[np.float32] = np.load(job.features) if spread.is_chief else np.empty(0, np.float32)
        return found
    run = predictor(pooled(network))

    def compute(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        with progress.task("features", len(rows)) as advance:
            for pictures, _ in plain_batches(job.inputs, rows, _EVALUATION_BATCH):
                parts.append(run(pictures).numpy())
                advance(sum(map(len, parts)), "")
        return np.concatenate(parts)

    features = spread.together(rows, compute)
    if spread.is_chief:
        with replacing_file(job.features) as beside:
            np.save(beside, features)
    return features


def _unfreeze(network: keras.Model, settings: Training) -> None:
    """Mark what trains. A frozen batch norm must itself be untrainable: ``training=False`` on the backbone does not
    reach it inside a training call."""
    layers = backbone_of(network).layers
    trained = len(layers) if settings.layers == "all" else settings.layers
    if trained > len(layers):
        raise TrainingError(f"training.layers: expected at most the backbone's {len(layers)}, found {trained}")
    for i, layer in enumerate(layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = i >= len(layers) - trained and not (norm and settings.batch_norm == "frozen")
        if norm:
            layer.momentum = settings.batch_norm_momentum


def _optimizer(settings: Training, pictures: int) -> keras.optimizers.Optimizer:
    """The recipe's, with a learning rate that rises during the warm-up and then stays, or falls along a cosine."""
    rate = _learning_rate(settings, settings.steps or max(1, pictures // min(settings.batch, pictures)))
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=settings.momentum)
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    # Decay pulls weights to zero, which is not a sensible prior for a norm's scale or for biases.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _learning_rate(settings: Training, steps: int) -> Any:
    warmup = round(settings.warmup_epochs * steps)
    decay = max(1, settings.epochs * steps - warmup)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / 100 if warmup else settings.learning_rate,
        decay_steps=decay,
        alpha=1.0 if settings.schedule == "constant" else 0.0,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def _training_step(trainable: Trainable, optimizer: Any, job: TrainingJob, spread: Spread) -> Any:
    """One graph: forward, backward, update, average. Each replica's part of (B, H, W, 3) and (B,) → this batch's loss
    and accuracy, the same for every worker."""
    settings, classes, batch = job.recipe.training, job.classes, _batch(job)

    def replica(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The part's contribution to the batch's loss and accuracy; the optimizer sums the gradients of all parts."""
        share = tf.cast(tf.size(labels), tf.float32) / batch
        smooth = tf.one_hot(labels, classes) * (1 - settings.label_smoothing) + settings.label_smoothing / classes
        with tf.GradientTape() as tape:
            probabilities = trainable.network(pictures, training=True)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(smooth, probabilities)) * share
        variables = trainable.network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        right = tf.equal(tf.argmax(probabilities, axis=1, output_type=tf.int32), labels)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32)) * share

    def step(pictures: Any, labels: Any) -> tuple[tf.Tensor, tf.Tensor]:
        parts = spread.strategy.run(replica, args=(pictures, labels))
        # Short at first, so that the average forgets the initial weights: min(decay, (1 + t) / (10 + t)).
        t = tf.cast(optimizer.iterations, tf.float32)
        decay = tf.minimum(settings.averaging, (1 + t) / (10 + t)) if settings.averaging else 0.0
        for mean, weight in zip(trainable.averaged.weights, trainable.network.weights, strict=True):
            spread.strategy.extended.update(
                mean.value, lambda mean, weight: mean.assign(weight + decay * (mean - weight)), args=(weight.value,)
            )
        loss, accuracy = (spread.strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None) for part in parts)
        return loss, accuracy

    return tf.function(step, reduce_retracing=True, autograph=False, jit_compile=spread.precision.compiled or None)


def _batch(job: TrainingJob) -> int:
    """Pictures of one step, of all replicas together."""
    return min(job.recipe.training.batch, len(job.train))


def _run_epoch(
    step: Any, source: InputSource, job: TrainingJob, number: int, progress: Progress, spread: Spread
) -> tuple[float, float]:
    """Mean loss and accuracy over the epoch's batches."""
    settings = job.recipe.training
    batch = _batch(job)
    if batch < spread.replicas:
        raise TrainingError(
            f"training.batch: expected {spread.replicas} pictures or more, one for each replica, found {batch}; "
            "raise it, or use fewer workers or GPUs"
        )
    source.prepare(job.train, number)
    total = settings.steps or len(job.train) // batch
    batches = training_batches(source, job.train, batch, total, settings.seed, number, spread.mine)
    sums = np.zeros(2)
    with progress.task(f"epoch {number}/{settings.epochs}", total) as advance:
        for done, part in enumerate(batches, 1):
            loss, accuracy = step(*spread.split(part))
            sums += float(loss), float(accuracy)
            if not np.isfinite(sums[0]):
                raise TrainingError(
                    f"epoch {number}: expected a finite loss, found {float(loss)}; "
                    f"lower training.learning_rate ({settings.learning_rate:g})"
                )
            advance(done, f"loss {sums[0] / done:.3f} accuracy {sums[1] / done:.1%}")
    return float(sums[0] / total), float(sums[1] / total)


def _stops_early(history: tuple[Epoch, ...], patience: int) -> bool:
    """Early stopping: whether the best validation loss is ``patience`` or more epochs old."""
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


def _chiefs(state: Checkpoint, spread: Spread) -> Checkpoint:
    """The chief's state, for every worker."""
    count = int(spread.from_chief([np.array(len(state.history))])[0])
    history = np.array(state.history, np.float64) if spread.is_chief else np.zeros((count, len(Epoch._fields)))
    (rows,) = spread.from_chief([history.reshape(count, len(Epoch._fields))])
    groups = {name: spread.from_chief(getattr(state, name)) for name in checkpoints.GROUPS}
    return Checkpoint(**groups, history=tuple(Epoch(int(row[0]), *map(float, row[1:])) for row in rows))


def _restore(state: Checkpoint, network: keras.Model, averaged: keras.Model, optimizer: Any) -> None:
    averaged.set_weights(state.averaged)
    for owner, values in ((network, state.variables), (optimizer, state.optimizer)):
        for variable, value in zip(owner.variables, values, strict=True):
            variable.assign(value)


def _keep_epoch(averaged: keras.Model, folder: Path, entry: Epoch) -> None:
    """Keep an epoch's weights under the name that Keras's ``ModelCheckpoint`` examples give."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing_file(folder / f"{entry.epoch:02}-{entry.validation_loss:.4f}.weights.h5") as beside:
        averaged.save_weights(beside)


def _log(writer: Any, entry: Epoch) -> None:
    with writer.as_default(step=entry.epoch):
        for name, value in entry._asdict().items():
            if name != "epoch":
                tf.summary.scalar(name, value)
    writer.flush()
