"""The Coral Edge TPU: which operators would run on it, and its compiler where there is one.

The table and its limits are Coral's "Table 1. All operations supported by the Edge TPU Compiler", with the
general rules of "Model requirements" on the same page, as they stood in 2021 with compiler 16.0 and runtime 14,
the last of each: https://coral.ai/docs/edgetpu/models-intro/#supported-operations
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from edge_asl.errors import QuantizationError, ToolMissing
from edge_asl.inspect import (
    GraphTensor,
    Node,
    damage_as_error,
    load_model,
    minimum_runtime,
    read_file,
    read_graphs,
    version_key,
)
from edge_asl_device.contract.manifest import MANIFEST, File, read_bundle
from edge_asl_device.files import replacing_folder

COMPILER = "edgetpu_compiler"
EDGETPU_MODEL = "model_edgetpu.tflite"
_MAPPED = "Mapped to Edge TPU"
_ONE_SUBGRAPH = "More than one subgraph is not supported"

# Compiler 16.0 came out in July 2021, two months after TensorFlow 2.5. Coral publishes no list of versions; that
# it knows none younger than itself is our inference; it may refuse older ones (google-coral/edgetpu issue 420).
_COMPILER_TENSORFLOW = "2.5.0"

_SOFTMAX_ELEMENTS = 16_000


class OperatorMapping(Struct, frozen=True):
    """Where one operator would run."""

    index: int
    """In execution order."""
    operator: str
    output: str
    """Name of its first output tensor."""
    maps: bool
    reason: str
    """Why not; the compiler's own words first where it has some. ``Mapped to Edge TPU`` where it maps."""


class OperatorStatus(Struct, frozen=True):
    """One line of the compiler's table."""

    operator: str
    count: int
    status: str


class EdgeTpuReport(Struct, frozen=True):
    """What the compiler says it did. Sizes in bytes, as exact as its two decimals allow; None: it did not say."""

    compiler_version: str | None
    on_tpu: int
    """Operators that run on the Edge TPU."""
    on_cpu: int
    subgraphs: int | None
    on_chip_used: int | None
    """Parameters cached in the chip's 8 MB."""
    on_chip_remaining: int | None
    off_chip: int | None
    """Parameters fetched over USB or PCIe at every inference: more than 0 makes it slow."""
    operators: tuple[OperatorStatus, ...]


def edgetpu_mapping(model: Path) -> list[OperatorMapping]:
    """Predict, operator by operator, what the compiler would map; its own report, where there is one, goes first.

    The compiler makes one piece for the Edge TPU: from the first operator that can run there up to the next one
    that cannot; everything after that runs on the CPU. So does what comes before (a QUANTIZE from float, say).

    Raises:
        BundleError: there is no such file.
        QuantizationError: it is not a whole TensorFlow Lite model.
    """
    graph = read_graphs(load_model(read_file(model), str(model)), str(model))[0]
    with damage_as_error(str(model)):
        obstacles = [_obstacle(node) for node in graph.nodes]
    found, started, ended = [], False, False
    for node, obstacle in zip(graph.nodes, obstacles, strict=True):
        ended = ended or (started and obstacle is not None)
        started = started or obstacle is None
        reason = obstacle or (_ONE_SUBGRAPH if ended else _MAPPED)
        output = node.outputs[0].name if node.outputs else ""
        found.append(OperatorMapping(node.number, node.operator, output, reason == _MAPPED, reason))
    return found


def compile_edgetpu(bundle_folder: Path, *, timeout_s: float = 600) -> EdgeTpuReport:
    """Compile a bundle's model for the Edge TPU and add ``model_edgetpu.tflite`` to the bundle and its manifest.

    The folder is replaced as a whole. A signature is left out, because it was the old manifest's: sign again.

    Raises:
        BundleError: the bundle is missing or damaged.
        ToolMissing: ``edgetpu_compiler`` is not installed or does not start.
        QuantizationError: it refuses the model, maps nothing, or takes longer than ``timeout_s``.
    """
    bundle = read_bundle(bundle_folder)
    with tempfile.TemporaryDirectory(prefix="edge-asl-edgetpu-") as folder:
        out = Path(folder)
        text = _run_compiler(bundle.model, out, timeout_s)
        logs = [log.read_text(errors="replace") for log in sorted(out.glob("*.log"))]
        report = parse_report("\n".join([text, *logs]))
        compiled = out / f"{bundle.model.stem}_edgetpu.tflite"
        if not compiled.is_file():
            raise QuantizationError(
                f"{bundle.model}: expected {COMPILER} to write {compiled.name}, found none; it said: {_last(text)}"
            )
        if report.on_tpu == 0:
            reasons = "; ".join(dict.fromkeys(f"{o.operator}: {o.status}" for o in report.operators))
            raise QuantizationError(
                f"{bundle.model}: expected operators on the Edge TPU, found {report.on_cpu} on the CPU: {reasons}"
            )
        content = compiled.read_bytes()
        load_model(content, compiled.name)
    _add_file(bundle_folder.resolve(), EDGETPU_MODEL, content)
    return report


def parse_report(text: str) -> EdgeTpuReport:
    """Read what ``edgetpu_compiler -s`` prints, or its ``.log``, or both (https://coral.ai/docs/edgetpu/compiler/).

    Raises:
        QuantizationError: nothing in it says how many operators were mapped.
    """
    # Output and log both hold the table; the same line twice is the same fact.
    rows = dict.fromkeys(re.findall(r"^([A-Za-z][\w-]*)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", text, re.MULTILINE))
    operators = tuple(OperatorStatus(name, int(count), status) for name, count, status in rows)
    on_tpu = _number(text, "Number of operations that will run on Edge TPU")
    on_cpu = _number(text, "Number of operations that will run on CPU")
    if operators:  # the two lines are missing where everything was mapped
        on_tpu = sum(o.count for o in operators if o.status == _MAPPED)
        on_cpu = sum(o.count for o in operators if o.status != _MAPPED)
    if on_tpu is None:
        raise QuantizationError(f"{COMPILER}: expected a table of operators, found: {_last(text)}")
    version = re.search(r"Edge TPU Compiler version (\S+)", text)
    return EdgeTpuReport(
        compiler_version=version[1] if version else None,
        on_tpu=on_tpu,
        on_cpu=on_cpu or 0,
        subgraphs=_number(text, "Number of Edge TPU subgraphs"),
        on_chip_used=_size(text, "On-chip memory used for caching model parameters"),
        on_chip_remaining=_size(text, "On-chip memory remaining for caching model parameters"),
        off_chip=_size(text, "Off-chip memory used for streaming uncached model parameters"),
        operators=operators,
    )


def _obstacle(node: Node) -> str | None:
    """What keeps an operator off the Edge TPU, looked at by itself; None: nothing."""
    if node.operator not in _LIMITS:
        return "Operation not supported"
    return _general_obstacle(node) or _version_obstacle(node) or _LIMITS[node.operator](node)


def _general_obstacle(node: Node) -> str | None:
    for tensor in (*(t for t in node.inputs if t is not None), *node.outputs):
        # Constants may also be int32: biases, axes, shapes.
        if tensor.dtype not in (("INT8", "UINT8") if tensor.data is None else ("INT8", "UINT8", "INT32")):
            return f"Operation is working on an unsupported data type: {tensor.dtype} {tensor.name}"
        if tensor.dynamic:
            return f"dynamic shape: {tensor.name}; convert with a fixed batch of 1"
        # Weights are exempt: a convolution's are four-dimensional by nature.
        if tensor.data is None and math.prod(tensor.shape[:-3]) != 1:
            return f"only the 3 innermost dimensions may exceed 1: {tensor.name} {tensor.shape}"
    return None


def _version_obstacle(node: Node) -> str | None:
    runtime = minimum_runtime(node.operator, node.version)
    if runtime is None or version_key(runtime) > version_key(_COMPILER_TENSORFLOW):
        return f"Operation version not supported: {node.version}"
    return None


def _none(_: Node) -> str | None:
    return None


def _no_activation(node: Node) -> str | None:
    return "no fused activation function allowed" if node.options and node.options.fusedActivationFunction else None


def _concatenation(node: Node) -> str | None:
    constants = [t for t in node.inputs if t is not None and t.data is not None]
    if constants and (len(node.inputs) != 2 or any(np.any(t.data) for t in constants)):
        return "a constant input must be all zeros and one of two"
    return _no_activation(node)


def _convolution(node: Node) -> str | None:
    o = node.options
    return "dilation must be the same in x and y" if o and o.dilationWFactor != o.dilationHFactor else None


def _fully_connected(node: Node) -> str | None:
    if node.options and node.options.weightsFormat:
        return "only the default weights format is supported"
    weights, output = _tensor(node, 1), node.outputs[0].shape
    if len(weights.scales) > 1:
        return f"weights must have one scale, found {len(weights.scales)}; convert them per tensor"
    if math.prod(output[:-1]) != 1:
        return f"output must be one-dimensional (batch 1), found {output}"
    return None


def _mean(node: Node) -> str | None:
    shape, axes = _tensor(node, 0).shape, _axes(node)
    if len(shape) - 1 in axes and shape[-1] % 4:
        return f"reduced along z, whose size must be a multiple of 4, found {shape[-1]}"
    return _no_batch(node)


def _no_batch(node: Node) -> str | None:
    shape = _tensor(node, 0).shape
    return "no reduction in the batch dimension" if len(shape) == 4 and 0 in _axes(node) else None


def _pad(node: Node) -> str | None:
    return "no padding in the batch dimension" if any(_constants(node, 1)[:2]) else None


def _pack(node: Node) -> str | None:
    return "no packing in the batch dimension" if node.options and node.options.axis == 0 else None


def _split(node: Node) -> str | None:
    return "no splitting in the batch dimension" if 0 in _constants(node, 0) else None


def _softmax(node: Node) -> str | None:
    shape = _tensor(node, 0).shape
    if math.prod(shape) != shape[-1] or shape[-1] > _SOFTMAX_ELEMENTS:
        return f"only one dimension of at most {_SOFTMAX_ELEMENTS:,} elements, found {shape}"
    return None


def _strided_slice(node: Node) -> str | None:
    if any(stride != 1 for stride in _constants(node, 3)):
        return "all strides must be 1"
    o = node.options
    return "no ellipsis and no new axis" if o and (o.ellipsisMask or o.newAxisMask) else None


_LIMITS: dict[str, Callable[[Node], str | None]] = {
    "ADD": _none,
    "AVERAGE_POOL_2D": _no_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "EXPAND_DIMS": _none,
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _none,
    "LOGISTIC": _none,
    "MAXIMUM": _none,
    "MAX_POOL_2D": _no_activation,
    "MEAN": _mean,
    "MINIMUM": _none,
    "MUL": _none,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _none,
    "QUANTIZE": _none,
    "REDUCE_MAX": _no_batch,
    "REDUCE_MIN": _no_batch,
    "RELU": _none,
    "RELU6": _none,
    "RELU_N1_TO_1": _none,
    "RESHAPE": _none,
    "RESIZE_BILINEAR": _none,
    "RESIZE_NEAREST_NEIGHBOR": _none,
    "RSQRT": _none,
    "SLICE": _none,
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _none,
    "SPLIT": _split,
    "SQUARED_DIFFERENCE": _none,
    "SQUEEZE": _none,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _none,
    "SUM": _no_batch,
    "TANH": _none,
    "TRANSPOSE": _none,
    "TRANSPOSE_CONV": _none,
}
"""Operator → its known limitation. Left out of Coral's table: LSTM, which no picture classifier here contains."""


def _tensor(node: Node, position: int) -> GraphTensor:
    tensor = node.inputs[position]
    if tensor is None:
        raise QuantizationError(f"{node.title}: expected input {position}, found none; convert the model again")
    return tensor


def _constants(node: Node, position: int) -> list[int]:
    """The whole numbers of a constant int32 input; empty where it is computed."""
    tensor = _tensor(node, position)
    return [] if tensor.data is None else [int(v) for v in np.frombuffer(bytes(tensor.data), np.int32)]


def _axes(node: Node) -> set[int]:
    dimensions = len(_tensor(node, 0).shape)
    return {axis % dimensions for axis in _constants(node, 1)}


def _run_compiler(model: Path, out: Path, timeout_s: float) -> str:
    """Run the compiler and give its output."""
    program = shutil.which(COMPILER)
    if program is None:
        raise ToolMissing(
            f"{COMPILER}: expected the Edge TPU compiler on PATH, found none; install Coral's Debian package "
            "edgetpu-compiler (x86-64 only, https://coral.ai/docs/edgetpu/compiler/#download)"
        )
    command = [program, "-s", "-o", str(out), str(model)]
    try:
        with _own_group(command) as process:
            text, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise QuantizationError(
            f"{model}: expected {COMPILER} to finish in {timeout_s:g} s, found it still running; "
            "allow it more time or use a smaller backbone"
        ) from error
    except OSError as error:
        raise ToolMissing(
            f"{program}: expected a program that starts, found {error.strerror}; install it again"
        ) from error
    if process.returncode != 0:
        raise QuantizationError(
            f"{model}: expected {COMPILER} to succeed, found status {process.returncode}: {_last(text)}"
        )
    return text


@contextlib.contextmanager
def _own_group(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run in a process group of its own and leave none of it behind: the packaged compiler is a shell script."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _add_file(folder: Path, name: str, content: bytes) -> None:
    """Replace a bundle by one that also holds ``name``."""
    bundle = read_bundle(folder)
    files = bundle.manifest.files | {name: File(hashlib.sha256(content).hexdigest(), len(content))}
    manifest = msgspec.structs.replace(bundle.manifest, files=files)
    with replacing_folder(folder) as new:
        for kept in bundle.manifest.files:
            shutil.copyfile(folder / kept, new / kept)
        (new / name).write_bytes(content)
        (new / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        read_bundle(new)


def _number(text: str, what: str) -> int | None:
    found = re.search(rf"{what}:\s*(\d+)", text)
    return int(found[1]) if found else None


def _size(text: str, what: str) -> int | None:
    found = re.search(rf"{what}:\s*([\d.]+)(B|KiB|MiB|GiB)", text)
    if not found:
        return None
    factor = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}[found[2]]
    return round(float(found[1]) * factor)


def _last(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "nothing")
