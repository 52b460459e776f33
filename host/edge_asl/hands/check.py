"""Whether the two models are what the device's hand stage takes: their inputs and outputs, and no float inside."""

from __future__ import annotations

from edge_asl.errors import QuantizationError
from edge_asl.hands.engines import PIXEL
from edge_asl.hands.ranges import Range
from edge_asl.pipeline.compatibility import check_model
from edge_asl.progress import Progress
from edge_asl.tflite.facts import ModelFacts, facts_of
from edge_asl.tflite.facts import Tensor as GraphTensor
from edge_asl.tflite.manifest_model import manifest_model
from edge_asl_device.contract.formats import HAND_MODELS
from edge_asl_device.contract.manifest import (
    LANDMARKS,
    LANDMARKS_MODEL,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    PALMS,
    PALMS_MODEL,
    Model,
)

RUNTIME = "tflite-2.14"
"""The oldest runtime that devices may have."""

FILES = {PALMS: PALMS_MODEL, LANDMARKS: LANDMARKS_MODEL}
_PROBABILITY = (OUTPUT_SCALE, OUTPUT_ZERO_POINT)
_QUANTIZED = {"picture": PIXEL, "presence": _PROBABILITY, "handedness": _PROBABILITY}
"""Tensors whose scale and zero point are given; those of the others follow from their ranges."""

_SHAPES = {
    "boxes": ((1, 2016, 18),),
    "scores": ((1, 2016, 1),),
    "picture": ((1, 192, 192, 3), (1, 224, 224, 3)),
    "landmarks": ((1, 42),),
    "presence": ((1, 1),),
    "handedness": ((1, 1),),
    "pooled": ((1, 1152), (1, 672)),
}
"""The second of `pooled`: the lite model's."""

FIXED: dict[str, Range] = {
    "picture": Range(0, 1),
    "boxes": Range(-120, 140),
    "scores": Range(-8, 8),
    "landmarks": Range(-8, 232),
    "presence": Range(-8, 8),
    "handedness": Range(-8, 8),
}
"""Ranges that are not measured. Boxes: pixels of 192 around an anchor. Scores: logits, of which the threshold lies at
0; they reach −30, but nothing depends on them beyond ±8 (.03 %). Landmarks: pixels of 224, some beyond the edges.
Presence and handedness: their logits. All pictures of the calibration show a hand; from them alone, "no hand" would lie
outside of the range and read as 50 %."""


def check(name: str, content: bytes, runtime: str, progress: Progress) -> None:
    """Check a model's bytes, and whether the promised runtime runs it.

    Args:
        name: ``palms`` or ``landmarks``.
        content: a ``.tflite`` file.
        runtime: which must load it, as in a recipe: ``tflite-2.14`` or ``litert``.
        progress: told what was checked.

    Raises:
        QuantizationError: not full int8, another boundary, or a runtime refuses it.
    """
    try:
        check_model(content, lambda facts: violations(name, facts), runtime, progress)
    except QuantizationError as error:
        raise QuantizationError(f"{name}: {error}") from error


def describe(name: str, content: bytes) -> Model:
    """A model as a manifest of format 2 describes it.

    Raises:
        QuantizationError: it is damaged, or another one.
    """
    facts = facts_of(content, name)
    if found := violations(name, facts):
        raise QuantizationError(f"{name}: {found[0]}")
    return manifest_model(name, FILES[name], facts)


def violations(name: str, facts: ModelFacts) -> list[str]:
    """In what a model differs from what the hand stage takes, each naming the tensor; empty if in nothing."""
    found = []
    for wanted, tensors in zip(HAND_MODELS[name], (facts.inputs, facts.outputs), strict=True):
        names = tuple(tensor.name for tensor in tensors)
        if names != wanted:
            return [f"expected tensors {', '.join(wanted)}, found {', '.join(names)}"]
        for tensor in tensors:
            found += _tensor_violations(tensor)
    return found + [
        f"tensor {t.name}: expected integers only, found {t.dtype}, {t.made_by}" for t in facts.float_tensors
    ]


def _tensor_violations(tensor: GraphTensor) -> list[str]:
    found = []
    if tensor.dtype != "INT8":
        found.append(f"{tensor.name}: expected INT8, found {tensor.dtype}")
    if tensor.shape not in _SHAPES[tensor.name]:
        found.append(f"{tensor.name}: expected shape {_SHAPES[tensor.name][0]}, found {tensor.shape}")
    scale, zero_point = _QUANTIZED.get(tensor.name, (tensor.scale, tensor.zero_point))
    if tensor.scale is None or abs(tensor.scale / (scale or 1) - 1) > 1e-6 or tensor.zero_point != zero_point:
        found.append(
            f"{tensor.name}: expected scale {scale} and zero point {zero_point}, "
            f"found {tensor.scale} and {tensor.zero_point}"
        )
    return found
