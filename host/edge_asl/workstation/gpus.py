"""This machine's GPUs: what is known of them, and why TensorFlow uses none. The second is a pure function."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge_asl.errors import ToolMissing

LIMIT_S = 180.0
"""For TensorFlow to start and look: a minute on a slow disk."""
_SMI_S = 20.0
_NVIDIA, _DISPLAY = "0x10de", "0x03"
"""Vendor and class of a device on the PCI bus."""
HIDING = "CUDA_VISIBLE_DEVICES"
INSTALL = "pip install 'edge-asl[gpu]'"


class Gpu(msgspec.Struct, frozen=True):
    """One that TensorFlow sees."""

    name: str
    capability: str
    """CUDA's compute capability, such as 8.6."""


class TensorFlow(msgspec.Struct, frozen=True):
    """What TensorFlow says of itself and of the GPUs."""

    version: str
    cuda_build: bool
    cuda: str
    """The version that it was built for, or nothing."""
    gpus: tuple[Gpu, ...] = ()
    log: tuple[str, ...] = ()
    """What it logged about CUDA."""


class Hardware(msgspec.Struct, frozen=True):
    """What the system says of NVIDIA GPUs."""

    system: str
    """Linux, Darwin or Windows."""
    on_bus: int | None
    """NVIDIA's display devices on the PCI bus; None: the bus cannot be seen, as in some containers."""
    driver: str | None
    """The version of the kernel's driver, if it is loaded."""
    nodes: tuple[str, ...]
    """``/dev/nvidia0`` and so on."""
    closed: tuple[str, ...]
    """Those of them that this user may not open."""
    hiding: str | None
    """The value of ``CUDA_VISIBLE_DEVICES``."""
    memory_mb: tuple[int, ...] = ()
    """As nvidia-smi says, in its order."""


def reasons(hardware: Hardware, tensorflow: TensorFlow) -> list[str]:
    """Why TensorFlow uses no GPU, each with what to do; empty if it uses one. Not all of them may be to blame."""
    if tensorflow.gpus:
        return []
    if hardware.system != "Linux":
        return [f"TensorFlow has no CUDA for {hardware.system}; use Linux, or Windows with WSL2"]
    found = _of_driver(hardware)
    if hardware.hiding is not None and hardware.hiding.strip() in ("", "-1", "NoDevFiles"):
        found.append(f"{HIDING}={hardware.hiding} hides every GPU; unset it")
    elif hardware.hiding is not None and not found:
        found.append(f"{HIDING}={hardware.hiding} may hide the GPU; unset it")
    if not tensorflow.cuda_build:
        found.append(f"this TensorFlow was built without CUDA; {INSTALL}")
    elif libraries := _libraries(tensorflow.log):
        found.append(f"TensorFlow cannot load {libraries}; {INSTALL}")
    if not found:
        said = tensorflow.log[-1] if tensorflow.log else "nothing"
        found.append(f"TensorFlow sees none of {', '.join(hardware.nodes)} and says: {said}")
    return found


def _of_driver(hardware: Hardware) -> list[str]:
    if hardware.driver is None and not hardware.nodes:
        if not hardware.on_bus:
            where = "found here" if hardware.on_bus is None else "in this machine"
            return [f"there is no NVIDIA GPU {where}"]
        return ["the driver of the NVIDIA GPU is not loaded; install it, and try nvidia-smi"]
    if not hardware.nodes:
        return ["the driver is loaded, but there is no /dev/nvidia0; in a container, start it with --gpus all"]
    if hardware.closed:
        return [f"this user may not open {', '.join(hardware.closed)}; join its group"]
    return []


def _libraries(log: tuple[str, ...]) -> str:
    """The libraries that TensorFlow could not load, as it names them, or its word for some of them."""
    names = [name for line in log for name in re.findall(r"dlopen[^']*'([^']+)'|dynamic library '([^']+)'", line)]
    flat = list(dict.fromkeys(first or second for first, second in names))
    if flat:
        return ", ".join(flat)
    return "some of CUDA's libraries" if any("Cannot dlopen some GPU libraries" in line for line in log) else ""


def read_hardware(environment: Mapping[str, str], root: Path = Path("/")) -> Hardware:
    """Read it from the file system below ``root``."""
    driver = None
    version = root / "proc/driver/nvidia/version"
    if version.is_file():
        match = re.search(r"Kernel Module(?: for \S+)?\s+([\d.]+)", version.read_text(encoding="utf-8"))
        driver = match[1] if match else "unknown"
    nodes = sorted(path for path in (root / "dev").glob("nvidia[0-9]*"))
    return Hardware(
        platform.system(),
        _on_bus(root / "sys/bus/pci/devices"),
        driver,
        tuple(f"/dev/{path.name}" for path in nodes),
        tuple(f"/dev/{path.name}" for path in nodes if not os.access(path, os.R_OK | os.W_OK)),
        environment.get(HIDING),
        _memory(),
    )


def _on_bus(devices: Path) -> int | None:
    if not devices.is_dir():
        return None
    pairs = [(path / "vendor", path / "class") for path in devices.iterdir()]
    words = [[one.read_text().strip() if one.is_file() else "" for one in pair] for pair in pairs]
    return sum(vendor == _NVIDIA and kind.startswith(_DISPLAY) for vendor, kind in words)


def _memory() -> tuple[int, ...]:
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_SMI_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(line) for line in run.stdout.split() if line.isdigit())


def read_tensorflow(environment: Mapping[str, str]) -> TensorFlow:
    """Ask TensorFlow, in a process of its own.

    Raises:
        ToolMissing: it cannot be imported, or does not answer.
    """
    # A cluster would make it wait for other machines; the log is what the reasons are found in.
    own = {key: value for key, value in environment.items() if key != "TF_CONFIG"} | {"TF_CPP_MIN_LOG_LEVEL": "0"}
    command = [sys.executable, "-P", "-m", "edge_asl.training.seen"]
    try:
        run = subprocess.run(command, env=own, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolMissing(
            f"tensorflow: no answer within {LIMIT_S:.0f} s; does nvidia-smi answer? If not, restart"
        ) from error
    if run.returncode:
        last = (run.stderr.strip().splitlines() or [f"it ended with status {run.returncode}"])[-1]
        raise ToolMissing(f"tensorflow: cannot be used: {last}; pip install --force-reinstall edge-asl")
    log = tuple(line for line in run.stderr.splitlines() if re.search(r"cuda|gpu|dlopen", line, re.IGNORECASE))
    found = json.loads(run.stdout.splitlines()[-1])
    return msgspec.convert(found | {"log": log}, TensorFlow)
