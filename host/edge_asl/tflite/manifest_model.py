"""A model as a manifest of format 2 describes it."""

from __future__ import annotations

import numpy as np

from edge_asl.tflite.facts import ModelFacts
from edge_asl.tflite.facts import Tensor as GraphTensor
from edge_asl_device.contract.formats import HAND_MODELS
from edge_asl_device.contract.manifest import Model
from edge_asl_device.contract.tensor import Tensor


def manifest_model(name: str, file: str, facts: ModelFacts) -> Model:
    """The entry for the model ``name`` of a bundle in its file ``file``; its boundary has been checked."""
    outputs = zip(HAND_MODELS[name][1], facts.outputs, strict=True)
    return Model(
        file,
        {name_of(tensor.name): tensor_of(tensor) for tensor in facts.inputs},
        {output: tensor_of(tensor) for output, tensor in outputs},
        facts.operator_versions,
        facts.minimum_runtime or "unknown",
    )


def name_of(tensor: str) -> str:
    """``inner`` for ``serving_default_inner:0``, as the converter names the tensor of an input."""
    return tensor.removeprefix("serving_default_").partition(":")[0]


def tensor_of(tensor: GraphTensor) -> Tensor:
    """A tensor in the contract's words; one that is not quantized has scale 0, which no contract allows."""
    return Tensor(tensor.shape, float(np.float32(tensor.scale or 0)), int(tensor.zero_point or 0))
