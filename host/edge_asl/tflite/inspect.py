"""``edge-asl inspect``: a bundle or a ``.tflite`` file, examined without TensorFlow and without running it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from edge_asl.tflite.edgetpu_compiled import EdgeTpuFacts
from edge_asl.tflite.edgetpu_compiler import COMPILER
from edge_asl.tflite.facts import ModelFacts, Tensor, model_facts
from edge_asl.tflite.operator_versions import version_key
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    Manifest,
    Metrics,
)
from edge_asl_device.inference.reasons import EDGETPU_OPERATOR

SHOWN = 10
"""Number of floating-point tensors listed on a terminal."""


class BundleFacts(Struct, frozen=True):
    """Facts about a bundle."""

    folder: str
    digest: str
    manifest: Manifest
    models: dict[str, ModelFacts]
    """By name: ``sign``, and in a bundle of format 2 ``palms`` and ``landmarks`` too."""


def inspect_path(path: Path) -> ModelFacts | BundleFacts:
    """Check and inspect a bundle's folder, or inspect a ``.tflite`` file, whichever ``path`` is.

    Raises:
        BundleError: there is no such file, or the bundle is missing, damaged or for another contract.
        QuantizationError: the model is not a whole TensorFlow Lite file.
    """
    if not path.is_dir():
        return model_facts(path)
    bundle = read_bundle(path)
    models = {name: model_facts(bundle.spec(name).path) for name in bundle.models}
    return BundleFacts(str(path), bundle.digest, bundle.manifest, models)


def models_of(facts: ModelFacts | BundleFacts) -> tuple[ModelFacts, ...]:
    """Of each model that was inspected."""
    return tuple(facts.models.values()) if isinstance(facts, BundleFacts) else (facts,)


def contract_violations(facts: ModelFacts, classes: int | None) -> list[str]:
    """Violations of the bundle's contract (docs/bundle.md), each naming tensor and operator; empty if there are none.

    Input int8 (1, H, W, 3), scale exactly 1/128, zero point 0; output int8 (1, ``classes``), scale 1/256, zero
    point −128; no floating-point tensor. ``classes`` None: any number from 2.
    """
    found = []
    for what, tensors in (("input", facts.inputs), ("output", facts.outputs)):
        if len(tensors) != 1:
            found.append(f"{what}: expected one tensor, found {len(tensors)}")
    for tensor in facts.inputs:
        fits = len(tensor.shape) == 4 and tensor.shape[0] == 1 and tensor.shape[3] == 3
        found += _tensor_violations("input", tensor, fits, "(1, H, W, 3)", INPUT_SCALE, INPUT_ZERO_POINT)
    for tensor in facts.outputs:
        fits = len(tensor.shape) == 2 and tensor.shape[0] == 1
        fits = fits and (tensor.shape[1] >= 2 if classes is None else tensor.shape[1] == classes)
        shape = f"(1, {'classes' if classes is None else classes})"
        found += _tensor_violations("output", tensor, fits, shape, OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    found += [f"tensor {t.name}: expected integers only, found {t.dtype}, {t.made_by}" for t in facts.float_tensors]
    return found


def format_facts(facts: ModelFacts | BundleFacts) -> str:
    """Facts as lines for a terminal, no newline at the end. For machines: ``msgspec.json.encode(facts)``."""
    if isinstance(facts, BundleFacts):
        models = (line for model in facts.models.values() for line in ("", format_facts(model)))
        return "\n".join([*_bundle_lines(facts), *models])
    lines = [
        *(_edgetpu_lines(facts, facts.edgetpu) if facts.edgetpu else _processor_lines(facts)),
        "",
        *(f"input   {_tensor_line(t)}" for t in facts.inputs),
        *(f"output  {_tensor_line(t)}" for t in facts.outputs),
        "",
        *(f"{o.count:4} × {o.name} v{o.version}" for o in facts.operators),
        "",
    ]
    if facts.float_tensors:
        lines += [f"float   {_short(t.name)} {t.dtype}, {t.made_by}" for t in facts.float_tensors[:SHOWN]]
        if more := len(facts.float_tensors[SHOWN:]):
            lines.append(f"float   {more} more tensors; --json lists them")
    else:
        lines.append("no floating-point tensor")
    if facts.metadata:
        lines.append(f"metadata: {', '.join(facts.metadata)}")
    return "\n".join(lines)


def _processor_lines(facts: ModelFacts) -> list[str]:
    return [
        f"{facts.path}: {facts.size / 1e6:.2f} MB, {facts.parameters:,} parameters, "
        f"{facts.multiply_accumulates / 1e6:,.1f} million multiply-accumulates per picture",
        f"TensorFlow Lite {facts.minimum_runtime or 'unknown'} or later" + _beyond(facts.beyond_table),
    ]


def _edgetpu_lines(facts: ModelFacts, edgetpu: EdgeTpuFacts) -> list[str]:
    """Weights and arithmetic lie in the compiled part, where nobody counts them."""
    rest = ", ".join(f"{o.count} × {o.name}" for o in facts.operators if o.name != EDGETPU_OPERATOR)
    runtime = f" {edgetpu.runtime} or later" if edgetpu.runtime else ""
    lines = [
        f"{facts.path}: {facts.size / 1e6:.2f} MB, compiled for the Edge TPU by {COMPILER} "
        f"{edgetpu.compiler or '(version not in the file)'}",
        f"runs only with a Coral and the Edge TPU runtime (libedgetpu){runtime}",
        f"{edgetpu.parts} compiled {'part runs' if edgetpu.parts == 1 else 'parts run'} on the Edge TPU; "
        f"on the CPU: {rest or 'nothing'}",
    ]
    if rest:
        lines.append(
            f"for these, TensorFlow Lite {facts.minimum_runtime or 'unknown'} or later" + _beyond(facts.beyond_table)
        )
    return lines


def _tensor_violations(what: str, tensor: Tensor, fits: bool, shape: str, scale: float, zero_point: int) -> list[str]:
    verb = "made" if what == "output" else "first read"
    where = f"{what} {tensor.name}, {verb} by {tensor.operator}"
    found = []
    if tensor.dtype != "INT8":
        found.append(f"{where}: expected INT8, found {tensor.dtype}")
    if not fits or tensor.dynamic:
        dynamic = ", partly known only at run time" if tensor.dynamic else ""
        found.append(f"{where}: expected shape {shape}, found {tensor.shape}{dynamic}")
    if tensor.scale != scale:
        found.append(f"{where}: expected scale 1/{1 / scale:g}, found {tensor.scale}")
    if tensor.zero_point != zero_point:
        found.append(f"{where}: expected zero point {zero_point}, found {tensor.zero_point}")
    return found


def _bundle_lines(facts: BundleFacts) -> list[str]:
    manifest = facts.manifest
    return [
        f"{facts.folder}: {manifest.name} {manifest.version}, {manifest.created}, digest {facts.digest[:12]}…",
        f"format {manifest.format_version}, {len(facts.models)} {'model' if len(facts.models) == 1 else 'models'}, "
        f"TensorFlow Lite {_newest(facts.models.values())} or later",
        f"{len(manifest.labels)} labels: {' '.join(manifest.labels)}",
        _accuracy_line(manifest.metrics),
        f"recipe {manifest.provenance.recipe}, seed {manifest.provenance.seed}, "
        f"commit {manifest.provenance.git_commit or 'unknown'}",
        *(f"trained on {one.name} {one.version[:12]}, {one.licence}" for one in manifest.provenance.public_data),
        *(f"{name}: {file.size:,} bytes, sha256 {file.sha256[:12]}…" for name, file in manifest.files.items()),
    ]


def _newest(models: Iterable[ModelFacts]) -> str:
    """The oldest runtime that has every operator of every model."""
    needed = [model.minimum_runtime for model in models if model.minimum_runtime]
    return max(needed, key=version_key, default="unknown")


def _accuracy_line(metrics: Metrics | None) -> str:
    if metrics is None:
        return "accuracy not measured"
    people = "people unknown" if metrics.people is None else f"{metrics.people} people"
    return (
        f"accuracy {metrics.accuracy_int8:.1%} "
        f"(95 % interval {metrics.accuracy_low:.1%} to {metrics.accuracy_high:.1%}) "
        f"on {metrics.split}: {metrics.pictures} pictures, {people}"
    )


def _tensor_line(tensor: Tensor) -> str:
    return f"{_short(tensor.name)} {tensor.dtype} {tensor.shape}, scale {tensor.scale}, zero point {tensor.zero_point}"


def _short(name: str) -> str:
    # The tensor of a fused operator carries the names of all its parts.
    return name.partition(";")[0]


def _beyond(operators: tuple[str, ...]) -> str:
    return f"; not in the table of releases: {', '.join(operators)}" if operators else ""
