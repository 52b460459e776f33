"""Which of several machines this one is: the standard variable ``TF_CONFIG``, parsed strictly, without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from edge_asl.errors import TrainingError

VARIABLE = "TF_CONFIG"
_EXAMPLE = (
    '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, "task": {"type": "worker", "index": 0}} '
    "(see docs/training.md)"
)


class Cluster(NamedTuple):
    """The workers of one training, and which of them this process is."""

    workers: tuple[str, ...]
    """``host:port`` of each; the first is the chief."""
    number: int
    """From 0, the chief's."""

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the checkpoint, the model and the bundle."""
        return self.number == 0

    @property
    def name(self) -> str:
        """``worker 1 of 2``, counted from 0 as in ``TF_CONFIG``."""
        return f"worker {self.number} of {len(self.workers)}"


class _Task(msgspec.Struct):
    type: str
    index: int


class _Config(msgspec.Struct):
    """Other keys are other programs' business: Kubeflow, for one, adds ``environment``."""

    cluster: dict[str, list[str]]
    task: _Task


def cluster_of(environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that ``TF_CONFIG`` describes; None: there is none, or it has one worker only.

    Raises:
        TrainingError: it is not what TensorFlow's ``MultiWorkerMirroredStrategy`` can use.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text or text == "{}":
        return None
    try:
        config = msgspec.json.decode(text, type=_Config)
    except msgspec.DecodeError as error:
        raise _refused(f"cannot be read: {error}") from error
    jobs = {job: addresses for job, addresses in config.cluster.items() if addresses}
    if unknown := sorted(set(jobs) - {"chief", "worker"}):
        raise _refused(f"expected only chief and worker in cluster, found {', '.join(unknown)}")
    if config.task.type not in jobs:
        raise _refused(f"expected a task.type that cluster names, found {config.task.type!r}")
    count = len(jobs[config.task.type])
    if not 0 <= config.task.index < count:
        raise _refused(f"expected a task.index from 0 to {count - 1}, found {config.task.index}")
    chiefs = jobs.get("chief", [])
    if len(chiefs) > 1:
        raise _refused(f"expected one chief, found {len(chiefs)}")
    workers = (*chiefs, *jobs.get("worker", []))
    _check_addresses(workers)
    index = config.task.index + (len(chiefs) if config.task.type == "worker" else 0)
    return Cluster(workers, index) if len(workers) > 1 else None


def _check_addresses(workers: tuple[str, ...]) -> None:
    for address in workers:
        port = re.fullmatch(r"[^\s/]+:(\d{1,5})", address)
        if port is None or not 0 < int(port[1]) < 65536:
            raise _refused(f"expected addresses such as host-a:2222, found {address!r}")
    if len(set(workers)) < len(workers):
        raise _refused("expected a different address for each worker, found one twice")


def _refused(what: str) -> TrainingError:
    return TrainingError(f"{VARIABLE}: {what}; it should look like {_EXAMPLE}")
