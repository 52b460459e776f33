"""Training on more than one processor or machine, with TensorFlow's own strategies.

The recipe's batch is shared: every replica (a GPU, or a worker without one) takes its own part of every batch, the
gradients are summed, and batch norm sees the statistics of the whole batch. So the model is that of one replica, but
for rounding and for dropout, whose masks are drawn for each part.
"""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.errors import TrainingError
from edge_asl.progress import Progress
from edge_asl.training import precision
from edge_asl.training.precision import PLAIN, Precision
from edge_asl.training.quiet import keras, tf
from edge_asl.workstation.cluster import Cluster
from edge_asl.workstation.rendezvous import limit_s, meet

Rows = NDArray[np.int64]
STALL_S = 3600
"""How long a worker waits for one that is alive and does not answer. One that died is missed after 10 s, by
TensorFlow's own heartbeats."""
_LOST = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError, tf.errors.CancelledError)


class Spread(NamedTuple):
    """What shares the work of one training."""

    strategy: Any
    """A ``tf.distribute.Strategy``."""
    cluster: Cluster | None = None
    precision: Precision = PLAIN

    @property
    def replicas(self) -> int:
        """How many processors take part, on all machines."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes what lasts."""
        return self.cluster is None or self.cluster.is_chief

    def mine(self, rows: Rows) -> Rows:
        """This worker's part of ``rows``: nobody else takes any of it, and nothing is left over."""
        return rows if self.cluster is None else self._parts(rows)[self.cluster.number]

    def together(self, rows: Rows, compute: Callable[[Rows], NDArray[Any]]) -> NDArray[Any]:
        """``compute(rows)``, each worker computing its part of it; float (len(rows), …), the same for all."""
        if self.cluster is None or len(rows) < len(self.cluster.workers):
            return compute(rows)
        start = sum(map(len, self._parts(rows)[: self.cluster.number]))
        part = compute(self.mine(rows))
        whole = np.zeros((len(rows), *part.shape[1:]), np.float32)
        whole[start : start + len(part)] = part
        return self.sum(whole).astype(part.dtype)

    def from_chief(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """The chief's arrays, for every worker; the others' say only shape and type."""
        if self.cluster is None:
            return list(arrays)
        share = 1 if self.is_chief else 0
        # float64 holds every float32, and every integer of a checkpoint, exactly.
        return [self.sum(np.asarray(one, np.float64) * share).astype(one.dtype) for one in arrays]

    def sum(self, array: NDArray[Any]) -> NDArray[Any]:
        """The sum over the workers."""
        if self.cluster is None or not array.size:  # TensorFlow 2.21 crashes on the sum of nothing
            return array
        total = self.strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(array), axis=None)
        return np.asarray(total.numpy()).reshape(array.shape)

    def split(self, arrays: tuple[tf.Tensor, ...]) -> tuple[Any, ...]:
        """This worker's part of a batch, cut for its replicas: each tensor (n, …) becomes one value per replica."""
        local = len(self.strategy.extended.worker_devices) if self.replicas > 1 else 1
        if self.replicas == 1:
            return arrays
        return tuple(self._distributed(np.array_split(np.asarray(array), local)) for array in arrays)

    def _distributed(self, parts: list[NDArray[Any]]) -> Any:
        first = (self.cluster.number if self.cluster else 0) * len(parts)
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group - first])
        )

    def _parts(self, rows: Rows) -> list[Rows]:
        assert self.cluster is not None  # noqa: S101 - for the type checker
        return np.array_split(rows, len(self.cluster.workers))


def alone() -> Spread:
    """Training on one processor, or in whatever strategy the caller has entered."""
    return Spread(tf.distribute.get_strategy())


def here() -> Spread:
    """All GPUs of this machine, or the one there is, or the processor."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return _fastest(Spread(tf.distribute.MirroredStrategy()) if several else alone())


def _fastest(spread: Spread) -> Spread:
    return spread._replace(precision=precision.here(spread.replicas))


def join(cluster: Cluster, progress: Progress) -> Spread:
    """All workers of ``cluster``, which ``TF_CONFIG`` describes; waits for each of them, but not for ever.

    A process can do this once, before it computes anything with TensorFlow.

    Raises:
        TrainingError: not all workers came.
    """
    stop = signal.getsignal(signal.SIGTERM)
    limit = limit_s()
    progress.say(f"{cluster.name}: waiting for the others, {limit:.0f} s at most")
    meet(cluster, limit)
    kind = tf.distribute.experimental.CommunicationImplementation
    # A ring of gRPC runs on any network; NCCL is for GPUs.
    ring = kind.AUTO if tf.config.list_physical_devices("GPU") else kind.RING
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=STALL_S, implementation=ring)
    with lost_workers_named():
        spread = _fastest(Spread(tf.distribute.MultiWorkerMirroredStrategy(communication_options=options), cluster))
    if stop is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)  # TensorFlow's runtime has taken it, and would ignore it
    progress.say(f"{cluster.name}: all here, {spread.replicas} replicas")
    return spread


def agree(spread: Spread, digest: str, number: int) -> int:
    """The chief's ``number``, after all workers have found that they have the same ``digest``.

    Raises:
        TrainingError: data, recipe, weights or packages differ.
    """
    if spread.cluster is None:
        return number
    digests = np.zeros((len(spread.cluster.workers), 32), np.float32)
    digests[spread.cluster.number] = list(bytes.fromhex(digest))
    with lost_workers_named():
        digests = spread.sum(digests)
        chiefs = spread.from_chief([np.array(number)])[0]
    others = [i for i, found in enumerate(digests) if not np.array_equal(found, digests[0])]
    if others:
        first, found = (bytes(digests[i].astype(np.uint8)).hex()[:12] for i in (0, others[0]))
        raise TrainingError(
            f"worker {others[0]}: expected the same data, recipe, weights and packages as worker 0's ({first}), "
            f"found others ({found}); give every worker the same"
        )
    return int(chiefs)


@contextlib.contextmanager
def lost_workers_named(then: str = "start all workers again") -> Iterator[None]:
    """Turns what TensorFlow says of a worker that is gone into one line."""
    try:
        yield
    except _LOST as error:
        text = " ".join(str(error).split())
        task = re.search(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", text)
        who = f"{task[1]} {task[2]}" if task else "a worker"  # as TF_CONFIG names and counts them
        reason = re.search(r"aborted by: (.+?)(?: Additional GRPC| The error could|$)", text)
        raise TrainingError(f"{who} was lost: {(reason[1] if reason else text)[:200]}; {then}") from error


@contextlib.contextmanager
def whole_batch_statistics(network: keras.Model, spread: Spread, batch: int) -> Iterator[None]:
    """While training, every batch norm of ``network`` takes its statistics over all replicas' parts of a ``batch``."""
    norms = [layer for layer in _layers(network) if isinstance(layer, keras.layers.BatchNormalization)]
    if spread.replicas == 1:
        norms = []
    for layer in norms:
        layer._moments = functools.partial(_moments_of_batch, layer._reduction_axes, batch)
    try:
        yield
    finally:
        for layer in norms:
            del layer._moments


def _moments_of_batch(axes: Sequence[int], batch: int, part: tf.Tensor, mask: None) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of each channel, float (C,), over all replicas' parts (n, …, C) of a batch.

    Each part's own are put together (Chan, Golub and LeVeque, 1979), which takes one message: a network has fifty such
    layers, and on a slow network each waits. Keras's own ``BatchNormalization(synchronized=True)`` takes E(x²) − E(x)²,
    and where a pretrained channel's mean is far from zero, float32 leaves little of that: gradients were a third off,
    against one processor's.
    """
    replica = tf.distribute.get_replica_context()
    mean, variance = tf.nn.moments(tf.cast(part, tf.float32), axes)
    share = tf.fill(tf.shape(mean), tf.cast(tf.shape(part)[0], tf.float32) / batch)
    # A sum of rows of which each replica fills one: TensorFlow's all_gather would ask for everybody's shape first.
    row = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync)[:, None, None]
    rows = replica.all_reduce(tf.distribute.ReduceOp.SUM, row * tf.stack([mean, variance, share]))
    means, variances, shares = tf.unstack(rows, axis=1)
    whole = tf.reduce_sum(shares * means, axis=0)
    around = tf.reduce_sum(shares * (variances + tf.math.squared_difference(means, whole)), axis=0)
    return tf.cast(whole, part.dtype), tf.cast(around, part.dtype)


def _layers(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
