"""How much arithmetic a model does and how many parameters it has."""

from __future__ import annotations

import math

from edge_asl.tflite.graph import Graph, GraphTensor, Node

FLOATS = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16"})


def multiply_accumulates(node: Node) -> int:
    """Multiply-accumulates of one operator in one invocation, without bias and activation.

    With O the number of output elements and the weights' shape in TensorFlow Lite's order:

    - CONV_2D, weights (C_out, K_h, K_w, C_in / groups): O · K_h · K_w · C_in / groups
    - DEPTHWISE_CONV_2D, weights (1, K_h, K_w, C): O · K_h · K_w
    - FULLY_CONNECTED, weights (units, depth): O · depth
    - TRANSPOSE_CONV, weights (C_out, K_h, K_w, C_in): elements of its input (third) · K_h · K_w · C_out
    - BATCH_MATMUL, left (…, rows, depth): O · depth, the last but one if it is transposed

    Everything else (additions, means, softmax) counts 0: below one per cent in a MobileNetV2. These are
    the "MAdds" of Sandler et al., MobileNetV2 (CVPR 2018): at 224 px this gives 300.8 million for width 1.0, where
    the paper says 300, and 59.3 for 0.35, where Keras's documentation says 59.
    """
    shapes = [t.shape if t is not None else () for t in node.inputs]
    made = sum(math.prod(t.shape) for t in node.outputs)
    match node.operator:
        case "CONV_2D":
            return made * math.prod(shapes[1][1:])
        case "DEPTHWISE_CONV_2D":
            return made * math.prod(shapes[1][1:3])
        case "FULLY_CONNECTED":
            return made * shapes[1][-1]
        case "TRANSPOSE_CONV":
            return math.prod(shapes[2]) * math.prod(shapes[1][:3])
        case "BATCH_MATMUL":
            return made * shapes[0][-2 if node.options and node.options.adjX else -1]
    return 0


def parameters(graph: Graph) -> int:
    """Number of elements in all constants that have a scale or are floats: weights and biases, not axes or shapes."""
    return sum(math.prod(t.shape) for t in graph.tensors if _is_parameter(t))


def _is_parameter(tensor: GraphTensor) -> bool:
    return tensor.data is not None and (tensor.dtype in FLOATS or bool(tensor.scales))
