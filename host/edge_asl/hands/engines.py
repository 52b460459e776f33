"""The hand stage with float networks: what the int8 ones are calibrated with and compared to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import LANDMARKS, PALMS, Model
from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.inference.engine import TfliteEngine
from edge_asl_device.inference.hands.stage import HandStage
from edge_asl_device.inference.silence import native_output_silenced

PIXEL = (1 / 255, -128)
"""Scale and zero point of every picture: its numbers are pixel − 128, exactly, and stand for pixel/255."""


class FloatEngine:
    """A float32 ``.tflite`` file as an engine: int8 pictures in, floats out; it remembers the last pictures.

    Args:
        network: picture (1, H, W, 3) in 0 to 1, and outputs in the order of its signature.
    """

    def __init__(self, network: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with native_output_silenced():
            self._interpreter: Any = Interpreter(model_content=network, num_threads=1)
            self._interpreter.allocate_tensors()
        picture, *_ = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._input, self._outputs = picture["index"], [d["index"] for d in outputs]
        shapes = [tuple(map(int, d["shape"])) for d in (picture, *outputs)]
        self.spec = ModelSpec(Path("float"), (Tensor(shapes[0], *PIXEL),), tuple(Tensor(s, 1.0, 0) for s in shapes[1:]))
        self.shown: list[NDArray[np.uint8]] = []
        """RGB uint8 (H, W, 3) of every call since it was last emptied."""

    def invoke(self, *tensors: NDArray[np.int8]) -> tuple[NDArray[Any], ...]:
        """Picture int8 (1, H, W, 3), pixel − 128, to float32 outputs."""
        pixels = (tensors[0] ^ np.int8(-128)).view(np.uint8)
        self.shown.append(pixels[0])
        self._interpreter.set_tensor(self._input, pixels / np.float32(255))
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._outputs)


class FloatStage(NamedTuple):
    """A hand stage and its two engines."""

    stage: HandStage
    palms: FloatEngine
    landmarks: FloatEngine


def float_stage(networks: dict[str, bytes]) -> FloatStage:
    """The hand stage with the float networks ``palms`` and ``landmarks``."""
    palms, landmarks = FloatEngine(networks[PALMS]), FloatEngine(networks[LANDMARKS])
    return FloatStage(HandStage(palms, landmarks), palms, landmarks)


def int8_engines(models: Mapping[str, Model], contents: Mapping[str, bytes]) -> dict[str, TfliteEngine]:
    """The quantized models ``palms`` and ``landmarks`` in this machine's runtime."""
    engines = {}
    for name in (PALMS, LANDMARKS):
        model = models[name]
        spec = ModelSpec(Path(model.file), tuple(model.inputs.values()), tuple(model.outputs.values()))
        engines[name] = TfliteEngine(spec, contents[name], "litert")
    return engines
