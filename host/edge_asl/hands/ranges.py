"""The ranges of a network's tensors, measured on pictures: between which values its int8 numbers lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.progress import Advance, unwatched
from edge_asl.tflite.graph import Graph, GraphTensor, load_model, read_graphs
from edge_asl_device.inference.silence import native_output_silenced


class Range(NamedTuple):
    """The least and the greatest value of a tensor."""

    low: float
    high: float


# Operators whose input and output must have one range; and LOGISTIC, whose output is 0 to 1 in any case.
_PASSING = ("CONCATENATION", "LOGISTIC", "RESHAPE")


def measure_ranges(network: bytes, pictures: NDArray[np.uint8], advance: Advance = unwatched) -> dict[str, Range]:
    """The mean over pictures of each tensor's least and greatest value.

    The mean, not the extremes: a single picture would coarsen the steps for all others.

    Args:
        network: a float32 ``.tflite`` file; picture (1, H, W, 3) in 0 to 1.
        pictures: RGB uint8 (N, H, W, 3).
        advance: called after each picture.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with native_output_silenced():
        # With its delegates, layers are fused, and what lies between them is never computed.
        interpreter = Interpreter(
            model_content=network,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    tensors = {tensor.name: tensor.number for tensor in _computed(network)}
    found = {name: np.empty((len(pictures), 2)) for name in tensors}
    for number, picture in enumerate(pictures):
        interpreter.set_tensor(source, (picture / np.float32(255))[np.newaxis])
        interpreter.invoke()
        for name, index in tensors.items():
            values = interpreter.get_tensor(index)
            found[name][number] = values.min(), values.max()
        advance(number + 1)
    return {name: Range(*map(float, values.mean(axis=0))) for name, values in found.items()}


def _computed(network: bytes) -> list[GraphTensor]:
    """Not the constants: their ranges are exact, and per channel."""
    graph = read_graphs(load_model(network, "network"), "network")[0]
    return [*graph.inputs, *(tensor for node in graph.nodes for tensor in node.outputs)]


def with_fixed(network: bytes, ranges: Mapping[str, Range], fixed: Mapping[str, Range]) -> dict[str, Range]:
    """``ranges``, but those of the inputs and outputs in ``fixed`` and of tensors that are only passed on to these.

    For an output that a LOGISTIC makes, ``fixed`` is the range of its logit.
    """
    graph = read_graphs(load_model(network, "network"), "network")[0]
    changed = dict(ranges) | dict(fixed)
    for tensor in graph.outputs:
        if tensor.name in fixed:
            changed |= dict.fromkeys(_passed_on(graph, tensor.name), fixed[tensor.name])
    return changed


def _passed_on(graph: Graph, name: str) -> list[str]:
    names = [name]
    for node in reversed(graph.nodes):
        if node.operator in _PASSING and node.outputs[0].name in names:
            names += [tensor.name for tensor in node.inputs if tensor is not None and tensor.data is None]
    return names
