"""The workstation's part of the error tree; ``edge_asl_device.errors`` draws its root.

EdgeAslError
├── DataError           pictures, labels or splits are not what they should be
├── RecipeError         a recipe or setting is unknown or out of range
├── TrainingError       weights do not fit, training cannot go on
├── QuantizationError   the converted model is not what the contract asks for
├── ToolMissing         a program or package that a command needs is not installed
└── AccuracyError       the model is worse than was demanded
"""

from edge_asl_device.errors import EdgeAslError


class DataError(EdgeAslError):
    """Pictures, labels or splits are not what they should be."""


class RecipeError(EdgeAslError):
    """A recipe or setting is unknown or out of range."""


class TrainingError(EdgeAslError):
    """Weights do not fit, or training cannot go on."""


class QuantizationError(EdgeAslError):
    """The converted model is not what the contract asks for."""


class ToolMissing(EdgeAslError):  # noqa: N818 - named after what happened
    """A program or package that a command needs is not installed."""


class AccuracyError(EdgeAslError):
    """The model is worse than ``--min-accuracy`` demands."""
