"""The workstation's part of the error tree; ``edge_asl_device.errors`` draws its root."""

from edge_asl_device.errors import EdgeAslError, QuotingError


class DataError(EdgeAslError):
    """Pictures, labels or splits are invalid."""


class RecipeError(EdgeAslError):
    """A recipe or setting is unknown or out of range."""


class TrainingError(EdgeAslError):
    """Weights do not match, or training cannot continue."""


class QuantizationError(EdgeAslError):
    """The converted model does not meet the contract."""


class ModelError(EdgeAslError):
    """A model from elsewhere cannot become a bundle."""


class PlatformError(QuotingError):
    """No runtime exists for a device's platform, or its packages cannot be downloaded."""


class ToolMissing(EdgeAslError):  # noqa: N818 - named after what happened
    """A program or package that a command needs is not installed."""


class SearchError(EdgeAslError):
    """A study of ``edge-asl tune`` cannot be opened, is of something else, or ends without a model."""


class AccuracyError(EdgeAslError):
    """The model is less accurate than ``--min-accuracy`` requires."""


class SigningError(EdgeAslError):
    """There is no key to sign with, or signing failed."""


class DeviceError(QuotingError):
    """A device is not ready for a deployment, or refused it."""


class Busy(DeviceError):  # noqa: N818 - named after what happened
    """Another deployment or measurement is at work on the device."""


class Unreachable(DeviceError):  # noqa: N818 - named after what happened
    """The device cannot be reached, or the connection was lost."""
