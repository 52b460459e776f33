"""Facts about one picture file: does it decode to its last byte, is it what its name says, what does it look like."""

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

from edge_asl.datasets.encoded import Encoded
from edge_asl_device import MAX_PIXELS
from edge_asl_device.contract.pictures import FORMATS, decode_picture, format_of
from edge_asl_device.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

LARGE_PIXELS = 12_000_000
SMALL_SIDE = 32

_LIMIT = f"expected at most {MAX_PIXELS // 1_000_000} megapixels"

# Pillow knows when a file ends too early, where OpenCV fills what is missing with grey. Of TIFF it knows fewer kinds
# than OpenCV, and of HEIC none.
_STRICT = frozenset({"JPEG", "PNG", "BMP", "WebP"})

# What Pillow raises on damaged files; SyntaxError for a broken PNG chunk.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)

# Decoded, 100 megapixels take 300 MB: only one such picture at a time, however many threads there are.
_one_large_at_a_time = threading.Lock()


class PictureFacts(NamedTuple):
    """What a picture's bytes tell."""

    sha256: str
    """Of the bytes; empty if they could not be read."""
    defect: str | None = None
    """``empty``, ``unreadable``, ``truncated``, ``no-end``, ``too-large``, ``format``, ``suffix``, or None."""
    detail: str = ""
    """The defect in a few words."""
    perceptual_hash: int | None = None
    """64 bits; None if nothing could be decoded."""
    width: int = 0
    height: int = 0


def examine_file(path: Path) -> PictureFacts:
    """Read and decode a picture file completely; stricter than OpenCV, which fills missing parts with grey."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return PictureFacts("", "unreadable", f"cannot be read: {error.strerror or error}")
    return _examine(data, path.suffix.lower())


def examine_encoded(encoded: Encoded, path: str) -> PictureFacts:
    """The same for a picture inside a shard, where it is called ``path``."""
    try:
        data = encoded.read()
    except PictureError as error:
        return PictureFacts("", "unreadable", str(error))
    # Rows of a CSV file were packed as PNG and have no suffix of their own.
    return _examine(data, Path(path).suffix.lower() if "#" not in path else ".png")


def _examine(data: bytes, suffix: str) -> PictureFacts:
    content = hashlib.sha256(data).hexdigest()
    if not data:
        return PictureFacts(content, "empty", "an empty file")
    kind = format_of(data)
    if kind is not None and kind not in FORMATS:
        return PictureFacts(content, "format", f"expected one of {', '.join(FORMATS)}, found {kind}")
    try:
        size = _checked_size(data, kind)
        with _one_large_at_a_time if size > LARGE_PIXELS else nullcontext():
            if kind in _STRICT:
                _decode_strictly(data)
            pixels = decode_picture(data, "")
            looks = perceptual_hash(_image(pixels))
    except _TooLargeError as error:
        return PictureFacts(content, "too-large", str(error))
    except (PictureError, *_BROKEN) as error:
        cut = "truncated" in str(error) or not _has_end(data)
        text = str(error).removeprefix(": ").partition(" <_io")[0]  # Pillow names the buffer, not the file
        return PictureFacts(content, "truncated" if cut else "unreadable", f"cannot be decoded: {text}")
    defect, detail = _formal_defect(kind, data, suffix)
    return PictureFacts(content, defect, detail, looks, pixels.shape[1], pixels.shape[0])


class _TooLargeError(Exception):
    """The header promises more pixels than are decoded."""


def _checked_size(data: bytes, kind: str | None) -> int:
    """The number of pixels that the header promises; 0 where Pillow cannot read it, and the decoder looks itself."""
    from PIL import Image

    try:
        with Image.open(BytesIO(data)) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise _TooLargeError(f"{_LIMIT}, found far more") from error
    except _BROKEN:
        if kind in _STRICT or kind is None:
            raise
        return 0
    if width * height > MAX_PIXELS:
        raise _TooLargeError(f"{_LIMIT}, found {width}×{height}")
    return width * height


def _decode_strictly(data: bytes) -> None:
    """Raises one of ``_BROKEN`` if bytes are missing; its pixels are not used."""
    from PIL import Image

    with Image.open(BytesIO(data)) as image:
        image.load()


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    return Image.fromarray(pixels)


def examine_grey(grey: NDArray[np.uint8]) -> PictureFacts:
    """The same for a grey picture from a CSV file: uint8 (h, w)."""
    height, width = grey.shape
    content = hashlib.sha256(grey.tobytes()).hexdigest()
    return PictureFacts(content, perceptual_hash=perceptual_hash(_image(grey)), width=width, height=height)


def perceptual_hash(image: Image.Image) -> int:
    """A picture's 64-bit perceptual hash: the signs of the 8×8 lowest frequencies of its 32×32 grey copy.

    Copies that were scaled, recompressed or lightened differ in few bits. Source: N. Krawetz, "Looks Like It",
    hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html, as implemented by J. Buchner's ``imagehash``.
    """
    import imagehash

    bits = imagehash.phash(image).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _formal_defect(found: str | None, data: bytes, suffix: str) -> tuple[str | None, str]:
    if found is None:
        return "format", f"expected one of {', '.join(FORMATS)}, found another kind"
    if suffix not in FORMATS[found]:
        return "suffix", f"the suffix is {suffix}, the content is {found}"
    if not _has_end(data):
        return "no-end", "no end marker: bytes may be missing"
    return None, ""


def _has_end(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end marker; other formats state their length and pass."""
    if data.startswith(b"\xff\xd8"):
        # Within scan data FF is always followed by 00 or a restart marker, so an FFD9 after the last FFDA ends it.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-4096:]
    return True
