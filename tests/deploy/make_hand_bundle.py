"""A bundle of format 2 that is small enough to be kept for ever: its models take pixels for palms and landmarks.

    python tests/deploy/make_hand_bundle.py

writes tests/data/bundle-v2 anew. What is bright is a palm, the first pixels of a region are the landmarks, and its
middle one says whether there is a hand. The names that its network gives to them mean nothing. But every tensor is what
the contract says, every runtime runs it, and what is found in a frame depends on the frame.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from make_bad_models import INT8, INT32, Graph, Operator, int32
from msgspec.structs import replace

from edge_asl.pipeline.bundle import write_bundle
from edge_asl.pipeline.known_answer import make_known_answer
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.formats import HAND_MODELS
from edge_asl_device.contract.hand_points import FEATURES, SIGN_INPUTS
from edge_asl_device.contract.known_answer import KNOWN_ANSWER
from edge_asl_device.contract.manifest import (
    LANDMARKS,
    LANDMARKS_MODEL,
    MODEL,
    PALMS,
    PALMS_MODEL,
    SCALING,
    SIGN,
    Crop,
    Features,
    HandManifest,
    Model,
    Output,
)
from edge_asl_device.contract.tensor import Tensor

DATA = Path(__file__).parent.parent / "data"
BUNDLE = DATA / "bundle-v2"
PIXEL = (float(np.float32(1 / 255)), -128)
RUNTIME = "1.14.0"


class Cut(NamedTuple):
    """Pixels of the picture, and what they are taken for: value = gain × (0 to 1) + offset."""

    begin: tuple[int, int, int, int]
    size: tuple[int, int, int, int]
    gain: float
    offset: float
    tensor: Tensor


PALM_CUTS = {
    "boxes": Cut((0, 0, 0, 0), (1, 189, 192, 1), 160, -80, Tensor((1, 2016, 18), 1.0, 0)),
    "scores": Cut((0, 80, 64, 0), (1, 32, 63, 1), 32, -24, Tensor((1, 2016, 1), 0.25, 0)),
}
LANDMARK_CUTS = {
    "landmarks": Cut((0, 0, 0, 0), (1, 1, 14, 3), 224, 0, Tensor((1, 42), 1.0, -128)),
    "presence": Cut((0, 112, 112, 0), (1, 1, 1, 1), 1, 0, Tensor((1, 1), 1 / 256, -128)),
    "handedness": Cut((0, 112, 112, 1), (1, 1, 1, 1), 1, 0, Tensor((1, 1), 1 / 256, -128)),
    "pooled": Cut((0, 100, 0, 0), (1, 2, 192, 3), 16, 0, Tensor((1, 1152), 0.0625, -128)),
}


def cutting(side: int, cuts: dict[str, Cut]) -> bytes:
    """A model that hands on pixels of its picture as something else."""
    graph = Graph()
    main = graph.subgraph("main")
    picture = graph.tensor(main, INT8, [1, side, side, 3], *PIXEL)
    main.inputs = [picture]
    for begin, size, gain, offset, tensor in cuts.values():
        where = [graph.tensor(main, INT32, [4], data=int32(*numbers)) for numbers in (begin, size)]
        pixels = graph.tensor(main, INT8, list(size), *PIXEL)
        graph.operator(main, Operator.SLICE, [picture, *where], [pixels], schema.SliceOptionsT())
        wanted = graph.tensor(main, INT32, [len(tensor.shape)], data=int32(*tensor.shape))
        shaped = graph.tensor(main, INT8, list(tensor.shape), *PIXEL)
        graph.operator(main, Operator.RESHAPE, [pixels, wanted], [shaped], schema.ReshapeOptionsT())
        factor = graph.tensor(main, INT8, [1], gain / 127, data=b"\x7f")
        larger = graph.tensor(main, INT8, list(tensor.shape), gain / 255, -128)
        graph.operator(main, Operator.MUL, [shaped, factor], [larger], schema.MulOptionsT())
        more = graph.tensor(
            main, INT8, [1], (abs(offset) or 1) / 127, data=_byte(127 if offset > 0 else -127 * (offset < 0))
        )
        main.outputs.append(graph.tensor(main, INT8, list(tensor.shape), tensor.scale, tensor.zero_point))
        graph.operator(main, Operator.ADD, [larger, more], main.outputs[-1:], schema.AddOptionsT())
    return graph.encoded()


def _byte(number: int) -> bytes:
    return number.to_bytes(1, "little", signed=True)


def naming(classes: int) -> bytes:
    """A sign network of one layer, its weights drawn."""
    graph = Graph()
    main = graph.subgraph("main")
    main.inputs = [graph.tensor(main, INT8, list(t.shape), t.scale, t.zero_point) for t in SIGN_INPUTS.values()]
    scale = next(iter(SIGN_INPUTS.values())).scale
    features = graph.tensor(main, INT8, [1, FEATURES], scale)
    joined = schema.ConcatenationOptionsT()
    joined.axis = 1
    graph.operator(main, Operator.CONCATENATION, main.inputs, [features], joined)
    drawn = np.random.default_rng(2).integers(-127, 128, (classes, FEATURES), np.int8)
    weights = graph.tensor(main, INT8, [classes, FEATURES], 1 / 4096, data=drawn.tobytes())
    logits = graph.tensor(main, INT8, [1, classes], 0.0625)
    graph.operator(main, Operator.FULLY_CONNECTED, [features, weights, -1], [logits], schema.FullyConnectedOptionsT())
    output, softmax = Output(classes).tensor, schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    main.outputs = [graph.tensor(main, INT8, list(output.shape), output.scale, output.zero_point)]
    graph.operator(main, Operator.SOFTMAX, [logits], main.outputs, softmax)
    return graph.encoded()


def main() -> None:
    """Write the bundle; its answer to a drawn hand is its own."""
    old = read_bundle(DATA / "bundle-v1").manifest
    picture = {name: Tensor((1, side, side, 3), *PIXEL) for name, side in ((PALMS, 192), (LANDMARKS, 224))}
    output = Output(len(old.labels)).tensor
    operators = {"ADD": 1, "MUL": 1, "RESHAPE": 1, "SLICE": 2}
    manifest = HandManifest(
        crop=Crop.HAND,
        features=Features.SHAPE_AND_INNER,
        models={
            PALMS: Model(PALMS_MODEL, {"picture": picture[PALMS]}, _outputs(PALMS, PALM_CUTS), operators, RUNTIME),
            LANDMARKS: Model(
                LANDMARKS_MODEL, {"picture": picture[LANDMARKS]}, _outputs(LANDMARKS, LANDMARK_CUTS), operators, RUNTIME
            ),
            SIGN: Model(
                MODEL, dict(SIGN_INPUTS), {"probabilities": output},
                {"CONCATENATION": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 2}, RUNTIME,
            ),
        },
        **{name: getattr(old, name) for name in ("labels", "decoder", "metrics", "provenance")},
        name="hands", version="2.0", created="2026-11-29T00:00:00Z", files={},
    )  # fmt: skip
    scaling = io.BytesIO()
    np.save(scaling, np.stack([np.zeros(FEATURES), np.ones(FEATURES)]).astype(np.float32))
    contents = {
        MODEL: naming(len(old.labels)),
        PALMS_MODEL: cutting(192, PALM_CUTS),
        LANDMARKS_MODEL: cutting(224, LANDMARK_CUTS),
        SCALING: scaling.getvalue(),
        "NOTICE.txt": b"Models for tests, made by tests/deploy/make_hand_bundle.py. MIT, like everything here.\n",
    }
    write_bundle(BUNDLE, manifest, contents)
    write_bundle(BUNDLE, replace(manifest, files={}), contents | {KNOWN_ANSWER: make_known_answer(BUNDLE)})


def _outputs(name: str, cuts: dict[str, Cut]) -> dict[str, Tensor]:
    return {tensor: cuts[tensor].tensor for tensor in HAND_MODELS[name][1]}


if __name__ == "__main__":
    main()
