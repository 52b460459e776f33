"""The errors a user can do something about.

EdgeAslError
├── QuotingError    quotes text that may be hostile
│   ├── BundleError     a bundle is missing, damaged, or made for another contract
│   ├── FileError       a file or folder is missing, damaged, too long or no regular one
│   └── TrustError      a bundle is not signed by a trusted signer, or older than the device allows
├── RuntimeMissing  no TensorFlow Lite runtime can be imported, or it refuses the model
├── PictureError    a picture or video cannot be read
├── ReleaseError    a release on a device is damaged, does not start, or cannot be switched to
└── (edge_asl.errors adds the workstation's)

Programs catch ``EdgeAslError`` once, print it as one line on stderr and exit with status 1. Anything else is a
bug and keeps its traceback.
"""

import re

# Line ends, other control characters, bytes that are not UTF-8, and what changes the direction of writing: a hostile
# file name must not add lines to a log or colours to a terminal.
NOT_SHOWN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
LONGEST_LINE = 1000


def visible(text: str) -> str:
    """``text`` made safe to show: one line, nothing invisible."""
    return NOT_SHOWN.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """``visible`` text of at most 1000 characters."""
    shown = visible(text)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[:LONGEST_LINE]}…"


class EdgeAslError(Exception):
    """Base class; its text is one line: what is wrong, and what to do next."""


class QuotingError(EdgeAslError):
    """Quotes files, devices or other programs, whose text may be hostile: it is cut to one visible line."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class BundleError(QuotingError):
    """A bundle is missing, damaged, or made for another contract."""


class FileError(QuotingError):
    """A file or folder is not as its list says. Who knows what it belongs to says what to do: ``file_errors_as``."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.advice = advice


class RuntimeMissing(EdgeAslError):  # noqa: N818 - named after what happened, like FileNotFoundError's kin
    """No TensorFlow Lite runtime can be imported, or the one found refuses the model."""


class PictureError(EdgeAslError):
    """A picture or video cannot be read."""


class ReleaseError(EdgeAslError):
    """A release on a device is damaged, does not start, or cannot be switched to."""


class TrustError(QuotingError):
    """A bundle is not signed by a trusted signer, or older than the device allows."""
