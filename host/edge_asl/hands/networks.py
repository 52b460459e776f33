"""The two float networks with the boundary that the device wants: inputs and outputs with names, and nothing unused."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_asl.errors import QuantizationError
from edge_asl.hands.surgery import (
    drop_unused,
    fold_float16,
    keep_rows,
    make_names_unique,
    maker,
    set_boundary,
)
from edge_asl.tflite.graph import load_model
from edge_asl.tflite.serialisation import serialise
from edge_asl_device.contract.formats import HAND_MODELS
from edge_asl_device.contract.manifest import LANDMARKS, PALMS

_POINTS = 21


def palm_network(original: bytes, name: str) -> bytes:
    """The palm model, float32: picture (1, 192, 192, 3) in 0 to 1; boxes (1, 2016, 18) and scores (1, 2016, 1).

    Raises:
        QuantizationError: not the model that is expected.
    """
    model = _opened(original, name, outputs=2)
    graph = model.subgraphs[0]
    set_boundary(
        model, {"picture": graph.inputs[0]}, dict(zip(HAND_MODELS[PALMS][1], map(int, graph.outputs), strict=True))
    )
    drop_unused(model)
    return serialise(model)


def landmark_network(original: bytes, name: str) -> bytes:
    """The landmark model, float32: picture (1, 224, 224, 3) in 0 to 1, four outputs.

    ``landmarks`` (1, 42): x0, y0, x1, y1, … in pixels of the picture (MediaPipe's z is dropped); ``presence`` and
    ``handedness`` (1, 1), 0 to 1; ``pooled`` (1, 1152): the vector that they are all computed from, 672 numbers in the
    lite model. The landmarks in metres (MediaPipe's "world landmarks") are dropped.

    Raises:
        QuantizationError: not the model that is expected.
    """
    model = _opened(original, name, outputs=4)
    graph = model.subgraphs[0]
    landmarks, presence, handedness, _ = map(int, graph.outputs)
    pooled = int(maker(model, landmarks).inputs[0])
    keep_rows(model, landmarks, [3 * point + axis for point in range(_POINTS) for axis in (0, 1)])
    outputs = dict(zip(HAND_MODELS[LANDMARKS][1], (landmarks, presence, handedness, pooled), strict=True))
    set_boundary(model, {"picture": graph.inputs[0]}, outputs)
    drop_unused(model)
    return serialise(model)


def _opened(original: bytes, name: str, outputs: int) -> Any:
    model = load_model(original, name)
    found = [len(np.atleast_1d(graph.outputs)) for graph in model.subgraphs]
    if found != [outputs]:
        raise QuantizationError(
            f"{name}: expected one graph with {outputs} outputs, found {found}; use the pinned file"
        )
    fold_float16(model)
    make_names_unique(model)
    return model
