"""The TensorFlow Lite release that introduced each version of an operator."""

# An operator and the releases that introduced its versions 1, 2, 3 …
# Source: op_version_map in tensorflow/lite/tools/versioning/runtime_version.cc (commit 00b1ec2), those operators
# that a picture classifier may contain. A version beyond its row is newer than the table, that is, than 2.11.
_TABLE = """
ADD 1.5.0 1.14.0 2.4.0 2.6.0
ARG_MAX 1.9.0 1.14.0 2.9.0
AVERAGE_POOL_2D 1.5.0 1.14.0 2.3.0
BATCH_MATMUL 2.3.0 2.3.0 2.4.0 2.5.0
CAST 1.5.0 2.7.0 2.8.0 2.9.0
CONCATENATION 1.5.0 1.14.0 2.3.0
CONV_2D 1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0
DEPTHWISE_CONV_2D 1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0
DEPTH_TO_SPACE 2.1.0 2.5.0
DEQUANTIZE 1.13.1 1.14.0 1.15.0 2.2.0 2.7.0
DIV 1.6.0 2.3.0
EXP 1.7.0
EXPAND_DIMS 1.10.0
FULLY_CONNECTED 1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 2.3.0 2.3.0
GATHER 1.6.0 1.14.0 1.15.0 2.4.0 2.5.0
GELU 2.9.0 2.9.0
HARD_SWISH 1.15.0
L2_NORMALIZATION 1.5.0 1.14.0
LEAKY_RELU 1.13.1 2.3.0
LOGISTIC 1.14.0 1.14.0 2.3.0
LOG_SOFTMAX 1.14.0 1.14.0
MAXIMUM 1.14.0 1.14.0 2.3.0 2.3.0
MAX_POOL_2D 1.5.0 1.14.0 2.3.0
MEAN 1.6.0 1.14.0 2.4.0
MINIMUM 1.14.0 1.14.0 2.3.0 2.3.0
MIRROR_PAD 1.13.1 2.3.0
MUL 1.5.0 1.14.0 1.15.0 2.3.0 2.6.0
PACK 1.11.0 1.14.0 2.3.0
PAD 1.5.0 1.14.0 2.4.0 2.6.0
PADV2 1.9.0 1.14.0 2.4.0 2.6.0
PRELU 1.8.0
QUANTIZE 1.14.0 1.15.0 2.7.0
REDUCE_MAX 1.11.0 1.14.0 2.5.0
REDUCE_MIN 1.11.0 1.14.0 2.5.0
RELU 1.5.0 2.1.0 2.5.0
RELU6 1.5.0 1.14.0 2.5.0
RELU_N1_TO_1 1.5.0
RESHAPE 1.5.0
RESIZE_BILINEAR 1.7.0 1.14.0 2.2.0 2.5.0
RESIZE_NEAREST_NEIGHBOR 1.13.1 1.14.0 2.3.0 2.4.0
RSQRT 1.10.0 2.5.0
SHAPE 1.10.0
SLICE 1.14.0 1.14.0 1.14.0 2.4.0 2.5.0
SOFTMAX 1.5.0 1.14.0 2.3.0
SPACE_TO_DEPTH 1.5.0 1.14.0
SPLIT 1.5.0 1.14.0 1.14.0 2.3.0
SQUARED_DIFFERENCE 1.13.1 2.5.0
SQUEEZE 1.6.0 2.5.0
STRIDED_SLICE 1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0
SUB 1.6.0 1.14.0 2.3.0 2.4.0 2.4.0
SUM 1.10.0 1.15.0
TANH 1.14.0 1.14.0 2.3.0
TRANSPOSE 1.6.0 1.14.0 1.15.0 2.3.0 2.4.0
TRANSPOSE_CONV 1.9.0 2.2.0 2.3.0
UNPACK 1.11.0 1.14.0 2.2.0 2.3.0
"""
_RELEASES = {operator: releases for operator, *releases in map(str.split, _TABLE.strip().splitlines())}


def minimum_runtime(operator: str, version: int) -> str | None:
    """The first TensorFlow Lite release with this version of an operator; None: it is not in the table."""
    releases = _RELEASES.get(operator, ())
    return releases[version - 1] if 1 <= version <= len(releases) else None


def version_key(version: str) -> tuple[int, ...]:
    """Dotted numbers for comparison, number by number; anything else counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))
