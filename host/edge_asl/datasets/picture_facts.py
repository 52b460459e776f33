"""One picture under the lens: does it decode to its last byte, is it what its name says, how does it look."""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl_device import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

LARGE_PIXELS = 12_000_000
SMALL_SIDE = 32

_LIMIT = f"expected at most {MAX_PIXELS // 1_000_000} megapixels"

_FORMATS = {
    ".jpg": {"JPEG", "MPO"},
    ".jpeg": {"JPEG", "MPO"},
    ".png": {"PNG"},
    ".bmp": {"BMP"},
    ".webp": {"WEBP"},
}
_READABLE = frozenset().union(*_FORMATS.values())

# What Pillow raises on bytes that are not what they promise; SyntaxError is its word for a broken PNG chunk.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)

# Decoded, 100 megapixels take 300 MB: only one such picture at a time, whatever the number of threads.
_one_large_at_a_time = threading.Lock()


class Probe(NamedTuple):
    """What looking at a picture's bytes told."""

    content: str
    """SHA-256 of the bytes; empty where they could not be read."""
    kind: str | None = None
    """``empty``, ``unreadable``, ``truncated``, ``no-end``, ``too-large``, ``format``, ``suffix``, or None."""
    what: str = ""
    looks: int | None = None
    """64-bit perceptual hash; None where nothing could be decoded."""
    width: int = 0
    height: int = 0


def probe_file(path: Path) -> Probe:
    """Read and decode a picture file completely, stricter than OpenCV, which fills what is missing with grey."""
    from PIL import Image

    try:
        data = path.read_bytes()
    except OSError as error:
        return Probe("", "unreadable", f"expected a readable file, found {error.strerror or error}")
    content = hashlib.sha256(data).hexdigest()
    if not data:
        return Probe(content, "empty", "expected a picture, found an empty file")
    try:
        with Image.open(BytesIO(data)) as image:
            return _look(image, data, path.suffix.lower(), content)
    except Image.DecompressionBombError:
        return Probe(content, "too-large", f"{_LIMIT}, found many more")
    except _BROKEN as error:
        cut = "truncated" in str(error) or not _ends(data)
        text = str(error).partition(" <_io")[0]  # Pillow names the buffer, not the file
        return Probe(content, "truncated" if cut else "unreadable", f"expected a whole picture, found: {text}")


def probe_grey(grey: NDArray[np.uint8]) -> Probe:
    """The same for a grey picture from a table: uint8 (h, w)."""
    from PIL import Image

    height, width = grey.shape
    content = hashlib.sha256(grey.tobytes()).hexdigest()
    return Probe(content, looks=looks_of(Image.fromarray(grey)), width=width, height=height)


def looks_of(image: Image.Image) -> int:
    """A picture's 64-bit perceptual hash: the signs of the 8×8 lowest frequencies of its 32×32 grey copy.

    Copies that were scaled, recompressed or lightened differ in few bits. Source: N. Krawetz, "Looks Like It",
    hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html, as implemented by J. Buchner's ``imagehash``.
    """
    import imagehash

    bits = imagehash.phash(image).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _look(image: Image.Image, data: bytes, suffix: str, content: str) -> Probe:
    width, height = image.size
    if width * height > MAX_PIXELS:
        return Probe(content, "too-large", f"{_LIMIT}, found {width}×{height}")
    with _one_large_at_a_time if width * height > LARGE_PIXELS else nullcontext():
        image.load()
        looks = looks_of(image)
    kind, what = _formal(image.format or "nothing", data, suffix)
    return Probe(content, kind, what, looks, width, height)


def _formal(found: str, data: bytes, suffix: str) -> tuple[str | None, str]:
    if found not in _READABLE:
        return "format", f"expected one of {', '.join(sorted(_FORMATS))}, found {found} inside"
    if found not in _FORMATS[suffix]:
        return "suffix", f"expected what {suffix} says, found {found} inside"
    if not _ends(data):
        return "no-end", "expected an end marker, found none: bytes may be missing"
    return None, ""


def _ends(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end marker; other formats carry their length and pass."""
    if data.startswith(b"\xff\xd8"):
        # Within scan data FF is always followed by 00 or a restart marker, so an FFD9 after the last FFDA ends it.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-4096:]
    return True
