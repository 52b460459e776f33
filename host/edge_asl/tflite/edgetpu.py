"""The Coral Edge TPU: predicting which operators run on it, and compiling a bundle for it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from edge_asl.errors import QuantizationError
from edge_asl.tflite.edgetpu_compiler import (
    COMPILER,
    MAPPED,
    ONE_SUBGRAPH,
    EdgeTpuCompilation,
    OperatorStatus,
    parse_output,
    reason_in,
    run_compiler,
)
from edge_asl.tflite.edgetpu_limits import SOURCE, obstacle
from edge_asl.tflite.graph import Node, damage_as_error, load_model, read_file, read_graphs
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import EDGETPU_MODEL, MANIFEST, File, HandManifest
from edge_asl_device.errors import BundleError
from edge_asl_device.files import replacing_folder
from edge_asl_device.inference.reasons import EDGETPU_OPERATOR

LEFT_ON_CPU = "left on the CPU when the model was compiled"
_AFTER_CPU = f"{ONE_SUBGRAPH}; an operator before it runs on the CPU"


class OperatorMapping(Struct, frozen=True):
    """Where one operator would run."""

    index: int
    """In execution order."""
    operator: str
    output: str
    """Name of its first output tensor."""
    maps: bool
    reason: str
    """Why not, as the compiler words it if it does; ``Mapped to Edge TPU`` if it maps."""


def edgetpu_mapping(model: Path) -> list[OperatorMapping]:
    """Predict, operator by operator, what the compiler would map; its actual output, if available, takes precedence.

    The compiler makes one subgraph for the Edge TPU: from the first operator that can run there to the next one that
    cannot. Everything before (such as a QUANTIZE from float) and after runs on the CPU.

    Raises:
        BundleError: there is no such file.
        QuantizationError: it is not a whole TensorFlow Lite model.
    """
    graph = read_graphs(load_model(read_file(model), str(model)), str(model))[0]
    if any(node.operator == EDGETPU_OPERATOR for node in graph.nodes):
        return [_as_compiled(node) for node in graph.nodes]
    with damage_as_error(str(model)):
        obstacles = [obstacle(node) for node in graph.nodes]
    found, started, ended = [], False, False
    for node, own in zip(graph.nodes, obstacles, strict=True):
        ended = ended or (started and own is not None)
        started = started or own is None
        reason = own or (_AFTER_CPU if ended else MAPPED)
        output = node.outputs[0].name if node.outputs else ""
        found.append(OperatorMapping(node.number, node.operator, output, reason == MAPPED, reason))
    return found


def _as_compiled(node: Node) -> OperatorMapping:
    """The compiler's own decision: what it took is one operator now."""
    maps = node.operator == EDGETPU_OPERATOR
    output = node.outputs[0].name if node.outputs else ""
    return OperatorMapping(node.number, node.operator, output, maps, MAPPED if maps else LEFT_ON_CPU)


def format_mapping(mapping: list[OperatorMapping]) -> str:
    """A mapping as lines for a terminal, equal operators grouped; ``--json`` lists each."""
    counts = Counter((o.operator, o.reason) for o in mapping)
    statuses = [OperatorStatus(operator, count, reason) for (operator, reason), count in counts.items()]
    on_tpu = sum(o.maps for o in mapping)
    if any(o.operator == EDGETPU_OPERATOR for o in mapping):
        parts = f"{on_tpu} compiled {'part runs' if on_tpu == 1 else 'parts run'} on it"
        head = f"Edge TPU: compiled for it already: {parts}, {len(mapping) - on_tpu} operators on the CPU"
        return "\n".join([head, *_status_lines(statuses)])
    return "\n".join(
        [
            f"Edge TPU: {on_tpu} of {len(mapping)} operators would run on it, {len(mapping) - on_tpu} on the CPU",
            *_status_lines(statuses),
            f"predicted from Coral's table for compiler 16.0: {SOURCE}",
        ]
    )


def format_compilation(compilation: EdgeTpuCompilation) -> str:
    """What the compiler did, as lines for a terminal."""
    version = f" {compilation.compiler_version}" if compilation.compiler_version else ""
    lines = [
        f"{EDGETPU_MODEL} added to the bundle; if the bundle was signed, sign it again",
        f"{COMPILER}{version}: {compilation.on_tpu} operators run on the Edge TPU, {compilation.on_cpu} on the CPU",
        *_status_lines(compilation.operators),
    ]
    if compilation.on_chip_used is not None:
        left = "" if compilation.on_chip_remaining is None else f", {_bytes(compilation.on_chip_remaining)} left"
        lines.append(f"parameters in on-chip memory: {_bytes(compilation.on_chip_used)}{left}")
    if compilation.off_chip:
        lines.append(f"parameters fetched at every inference: {_bytes(compilation.off_chip)}, which is slow")
    return "\n".join(lines)


def compile_edgetpu(bundle_folder: Path, *, timeout_s: float = 600) -> EdgeTpuCompilation:
    """Compile a bundle's model for the Edge TPU and add ``model_edgetpu.tflite`` to the bundle and its manifest.

    The folder is replaced as a whole. A signature is dropped, because it was for the old manifest: sign again.

    Raises:
        BundleError: the bundle is missing or damaged, or reads hands: that runs on the processor.
        ToolMissing: ``edgetpu_compiler`` is not installed or does not start.
        QuantizationError: the compiler refuses the model, maps nothing, or takes longer than ``timeout_s``.
    """
    bundle = read_bundle(bundle_folder)
    if isinstance(bundle.manifest, HandManifest):
        raise BundleError(
            f"{bundle_folder}: reads hands with {len(bundle.models)} models, which run on the processor; a Coral is "
            "supported for bundles with one model"
        )
    with tempfile.TemporaryDirectory(prefix="edge-asl-edgetpu-") as folder:
        out = Path(folder)
        text = run_compiler(bundle.model, out, timeout_s)
        logs = [log.read_text(errors="replace") for log in sorted(out.glob("*.log"))]
        compilation = parse_output("\n".join([text, *logs]))
        compiled = out / f"{bundle.model.stem}_edgetpu.tflite"
        if not compiled.is_file():
            raise QuantizationError(f"{bundle.model}: {COMPILER} did not write {compiled.name}: {reason_in(text)}")
        if compilation.on_tpu == 0:
            reasons = "; ".join(dict.fromkeys(f"{o.operator}: {o.status}" for o in compilation.operators))
            raise QuantizationError(
                f"{bundle.model}: no operator would run on the Edge TPU, all {compilation.on_cpu} on the CPU: {reasons}"
            )
        content = compiled.read_bytes()
        load_model(content, compiled.name)
    _add_file(bundle_folder.resolve(), EDGETPU_MODEL, content)
    return compilation


def _status_lines(statuses: Iterable[OperatorStatus]) -> list[str]:
    """One line per status, the operators that map last."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for status in statuses:
        kinds[status.status].append(f"{status.count} × {status.operator}")
    mapped = kinds.pop(MAPPED, [])
    lines = [f"  CPU       {', '.join(operators)}: {reason}" for reason, operators in kinds.items()]
    return [*lines, f"  Edge TPU  {', '.join(mapped)}"] if mapped else lines


def _bytes(count: int) -> str:
    return f"{count / 2**20:.2f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _add_file(folder: Path, name: str, content: bytes) -> None:
    """Replace a bundle by one that also contains ``name``."""
    bundle = read_bundle(folder)
    files = bundle.manifest.files | {name: File(hashlib.sha256(content).hexdigest(), len(content))}
    manifest = msgspec.structs.replace(bundle.manifest, files=files)
    with replacing_folder(folder) as new:
        for kept in bundle.manifest.files:
            shutil.copy2(folder / kept, new / kept)  # with their times, by which a build knows them again
        (new / name).write_bytes(content)
        (new / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        read_bundle(new)
