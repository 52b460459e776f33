"""The errors a user can do something about.

EdgeAslError
├── BundleError     a bundle is missing, damaged, or made for another contract
├── RuntimeMissing  no TensorFlow Lite runtime can be imported, or it refuses the model
├── PictureError    a picture or film cannot be read
└── (edge_asl.errors adds the workstation's)

Programs catch ``EdgeAslError`` once, print it as one line on stderr and exit with status 1. Anything else is a
bug and keeps its traceback.
"""


class EdgeAslError(Exception):
    """Base class; its text is one line: what was expected, what was found, what to do next."""


class BundleError(EdgeAslError):
    """A bundle is missing, damaged, or made for another contract."""


class RuntimeMissing(EdgeAslError):  # noqa: N818 - named after what happened, like FileNotFoundError's kin
    """No TensorFlow Lite runtime can be imported, or the one found refuses the model."""


class PictureError(EdgeAslError):
    """A picture or film cannot be read."""
