"""The workstation's part of the error tree; ``edge_asl_device.errors`` draws its root.

EdgeAslError
├── DataError           pictures, labels or splits are not what they should be
├── RecipeError         a recipe or setting is unknown or out of range
├── TrainingError       weights do not fit, training cannot go on
├── QuantizationError   the converted model is not what the contract asks for
├── PlatformError       no runtime exists for a device's platform, or its packages cannot be had
├── ToolMissing         a program or package that a command needs is not installed
├── AccuracyError       the model is worse than was demanded
├── DeviceError         a device is not as a deployment needs it, or refused it
│   └── Unreachable     it cannot be reached, or the connection broke
└── SigningError        no key to sign with, or signing with it failed
"""

from edge_asl_device.errors import EdgeAslError, one_line


class DataError(EdgeAslError):
    """Pictures, labels or splits are not what they should be."""


class RecipeError(EdgeAslError):
    """A recipe or setting is unknown or out of range."""


class TrainingError(EdgeAslError):
    """Weights do not fit, or training cannot go on."""


class QuantizationError(EdgeAslError):
    """The converted model is not what the contract asks for."""


class PlatformError(EdgeAslError):
    """No runtime exists for a device's platform, or its packages cannot be had. It quotes what others said."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class ToolMissing(EdgeAslError):  # noqa: N818 - named after what happened
    """A program or package that a command needs is not installed."""


class AccuracyError(EdgeAslError):
    """The model is worse than ``--min-accuracy`` demands."""


class SigningError(EdgeAslError):
    """There is no key to sign with, or signing with it failed."""


class DeviceError(EdgeAslError):
    """A device is not as a deployment needs it, or refused it. What it quotes of the device is one line."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class Unreachable(DeviceError):  # noqa: N818 - named after what happened
    """The device cannot be reached, or the connection broke."""
