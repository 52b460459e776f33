"""``edge-asl doctor`` without a target: what this workstation trains with, and why not with a GPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edge_asl.errors import TrainingError
from edge_asl.workstation.cluster import Cluster, cluster_of
from edge_asl.workstation.gpus import Hardware, TensorFlow, read_hardware, read_tensorflow, reasons


def examine(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read the facts and judge them.

    Raises:
        ToolMissing: TensorFlow cannot be used.
    """
    hardware, tensorflow = read_hardware(environment), read_tensorflow(environment)
    try:
        cluster, problem = cluster_of(environment), None
    except TrainingError as error:
        cluster, problem = None, str(error)
    return report(hardware, tensorflow, cluster, problem)


def report(hardware: Hardware, tensorflow: TensorFlow, cluster: Cluster | None, problem: str | None) -> dict[str, Any]:
    """All of it as plain values; ``ok``: a build can start. ``problem``: what is wrong with ``TF_CONFIG``."""
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "tensorflow": msgspec.to_builtins(tensorflow),
        "hardware": msgspec.to_builtins(hardware),
        "no_gpu_because": reasons(hardware, tensorflow),
        "workers": None if cluster is None else {"addresses": list(cluster.workers), "number": cluster.number},
        "problem": problem,
        "strategy": strategy(cluster, len(tensorflow.gpus)),
        "ok": problem is None,
    }


def strategy(cluster: Cluster | None, gpus: int) -> str:
    """What a build of a network that sees a square would train with."""
    here = f"{gpus} GPUs" if gpus > 1 else "the GPU" if gpus else "the processor"
    if cluster is not None:
        return f"MultiWorkerMirroredStrategy: {cluster.name}, with {here}"
    return f"MirroredStrategy: {here}" if gpus > 1 else here


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The report as aligned lines for people."""
    tensorflow, hardware = found["tensorflow"], found["hardware"]
    cuda = f"built for CUDA {tensorflow['cuda']}".rstrip() if tensorflow["cuda_build"] else "built without CUDA"
    pairs: list[tuple[str, str]] = [
        ("Python", found["python"]),
        ("processor", f"{found['processors']} cores, {found['memory_mb'] / 1024:.0f} GB of memory"),
        ("TensorFlow", f"{tensorflow['version']}, {cuda}"),
        ("NVIDIA driver", hardware["driver"] or "none"),
    ]
    for number, gpu in enumerate(tensorflow["gpus"]):
        memory = hardware["memory_mb"]
        size = f", {memory[number] / 1024:.0f} GB" if len(memory) == len(tensorflow["gpus"]) else ""
        pairs.append((f"GPU {number}", f"{gpu['name']}{size}, compute capability {gpu['capability']}"))
    pairs += [("no GPU is used" if not at else "", why) for at, why in enumerate(found["no_gpu_because"])]
    workers = found["workers"]
    pairs += [("workers", ", ".join(workers["addresses"]))] if workers else []
    pairs += [("problem", found["problem"])] if found["problem"] else [("a build trains with", found["strategy"])]
    yield from (f"{name:<24}{value}" for name, value in pairs)
