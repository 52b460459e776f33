"""Reading picture files, the same way on the workstation and on the device: here alone pixels come out of files."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.orientation import (
    jpeg_orientation,
    png_chunks,
    png_orientation,
    turned,
    webp_orientation,
)
from edge_asl_device.errors import PictureError

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "HEIC": (".heic", ".heif", ".hif"),
}
"""What is read, and the suffixes of its files."""
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

# OpenCV's own turning differs between its versions and formats.
_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_CONVERT = "convert it to JPEG or PNG"

_COPY = "copy it again from the original, or remove it"

NO_PICTURES = {
    "a web page": "download it again, from the link that gives the file itself",
    "a Git LFS pointer": "run git lfs pull",
    "JSON text": "download it again, from the link that gives the file itself",
    "only zero bytes": "it was never copied to its end, or is in a cloud: copy it again from the original",
}
"""What lies in a file in place of a picture → what to do."""

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, uint8, (height, width, 3), turned upright as its EXIF orientation says.

    Raises:
        PictureError: missing, empty, truncated beyond use, not a picture, or of a kind that is not read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read: {error.strerror or error}") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture file's bytes as ``read_picture`` does; ``name`` appears in error messages.

    Of 16 bits the upper eight are taken; what is transparent is white, as viewers show it; grey and CMYK become RGB.

    Raises:
        PictureError: empty, not a picture, or of a kind that is not read.
    """
    if not data:
        raise PictureError(f"{name}: not a picture: the file is empty; remove it")
    kind = format_of(data)
    if kind is None:
        # OpenCV would read a few more, which Pillow, browsers and photo programs do not.
        raise PictureError(f"{name}: not a picture: no decoder accepts its {len(data)} bytes; remove it")
    if kind not in FORMATS:
        remedy = NO_PICTURES.get(kind, _CONVERT)
        raise PictureError(f"{name}: expected one of {', '.join(FORMATS)}, found {kind}; {remedy}")
    try:
        if kind == "HEIC":
            return _decode_heic(data, name)
        if kind == "TIFF":
            return _decode_tiff(data, name)
        bgr = _decode(data, name, kind)
    except cv2.error as error:
        raise PictureError(f"{name}: a {kind} that OpenCV cannot decode ({error.err}); {_COPY}") from error
    return np.ascontiguousarray(bgr[:, :, ::-1])


def format_of(data: bytes) -> str | None:
    """What a file is by its first bytes: one of ``FORMATS`` or ``NO_PICTURES``, another picture's name, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"BM"):
        return "BMP"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        return "HEIC" if data[8:12] in _HEIC else "AVIF" if data[8:12] in (b"avif", b"avis") else "a film"
    text = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "a web page"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if text.startswith((b'{"', b"{\n", b"{\r\n")):
        return "JSON text"
    if data.startswith(bytes(16)) and not any(data):
        return "only zero bytes"
    others = {b"GIF8": "GIF", b"\0\0\0\x0cjP": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"%PDF": "PDF"}
    others |= {b"8BPS": "Photoshop", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL": "JPEG XL", b"<svg": "SVG"}
    return next((what for start, what in others.items() if data.startswith(start)), None)


def _decode(data: bytes, name: str, kind: str) -> NDArray[np.uint8]:
    """JPEG, PNG, BMP and WebP, B, G, R, upright."""
    if kind == "PNG":
        header = {chunk: content for chunk, content in png_chunks(data) if chunk in (b"IHDR", b"tRNS", b"acTL")}
        if header.get(b"acTL", b"")[:4] > b"\0\0\0\1":  # its number of frames
            raise PictureError(f"{name}: expected a picture, found an animated PNG; {_CONVERT}")
        see_through = header.get(b"IHDR", bytes(13))[9:10] in (b"\x04", b"\x06") or b"tRNS" in header
        return turned(_in_colour(data, name, see_through), png_orientation(data))
    if kind == "WebP" and len(data) > 24:
        extended = data[12:16] == b"VP8X"
        if extended and data[20] & 0x02:
            raise PictureError(f"{name}: expected a picture, found an animated WebP; {_CONVERT}")
        # In a file without the extended header only the lossless kind can be transparent: VP8L's 29th bit.
        see_through = bool(data[20] & 0x10) if extended else data[12:16] == b"VP8L" and bool(data[24] & 0x10)
        return turned(_in_colour(data, name, see_through), webp_orientation(data))
    bgr = _in_colour(data, name, False)
    return turned(bgr, jpeg_orientation(data)) if kind == "JPEG" else bgr


def _in_colour(data: bytes, name: str, see_through: bool) -> NDArray[np.uint8]:
    """B, G, R as they are stored; transparent parts on white."""
    pixels = _opencv(data, name, cv2.IMREAD_UNCHANGED if see_through else _COLOUR | cv2.IMREAD_ANYDEPTH)
    return _on_white(_eight_bits(pixels, name)) if see_through else _eight_bits(pixels, name)


def _opencv(data: bytes, name: str, flags: int) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise PictureError(
            f"{name}: a {format_of(data)} that is cut short, damaged or of a rare kind: no decoder accepts its "
            f"{len(data)} bytes; {_COPY}"
        )
    return pixels


def _eight_bits(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype != np.uint16:
        raise PictureError(f"{name}: expected 8 or 16 bits a colour, found {pixels.dtype}; {_CONVERT}")
    return (pixels >> 8).astype(np.uint8)


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey, or three or four colours, the last of them opacity, as three; opaque ones stay as they are."""
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    colour = np.ascontiguousarray(pixels[:, :, :3])
    if pixels.shape[2] == 3 or pixels[:, :, 3].min() == 255:
        return colour
    opacity = pixels[:, :, 3:].astype(np.uint16)
    return ((colour * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def _decode_tiff(data: bytes, name: str) -> NDArray[np.uint8]:
    """OpenCV turns these by itself, whatever it is told."""
    _, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    pixels = pages[0] if pages else _opencv(data, name, cv2.IMREAD_UNCHANGED)
    # Smaller ones are previews.
    if (found := sum(page.shape == pixels.shape for page in pages)) > 1:
        raise PictureError(f"{name}: expected a picture, found a TIFF of {found} pages; save each in a file of its own")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        opacity = pixels[:, :, 3]
        if opacity.min() < np.iinfo(pixels.dtype).max:
            # Whether its colours are premultiplied depends on a tag and on the depth.
            raise PictureError(f"{name}: expected a TIFF without transparent parts, found some; {_CONVERT}")
    bgr = _eight_bits(_opencv(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH), name)
    return np.ascontiguousarray(bgr[:, :, ::-1])


def _decode_heic(data: bytes, name: str) -> NDArray[np.uint8]:
    """By libheif, which turns by the container's own rule; that of its EXIF is for others to ignore."""
    try:
        heif: Any = importlib.import_module("pi_heif")
    except ImportError as error:
        raise PictureError(f"{name}: HEIC, which needs the package pi-heif here; install it, or {_CONVERT}") from error
    try:
        image = heif.open_heif(data)
        width, height = image.size
        most = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])  # the package sets it; OpenCV keeps to it by itself
        if width * height > most:
            raise PictureError(
                f"{name}: expected at most {most // 1_000_000} megapixels, found {width}×{height}; scale it down"
            )
        pixels = np.array(image)  # a copy: numpy would not keep alive what it looks at
        if getattr(image, "premultiplied_alpha", False):
            raise PictureError(f"{name}: expected a HEIC without premultiplied opacity, found one; {_CONVERT}")
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise PictureError(f"{name}: a HEIC that cannot be decoded ({error}); {_COPY}") from error
    return _on_white(_eight_bits(pixels, name))


def encode_jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """RGB uint8 (height, width, 3) as the bytes of a JPEG file; quality 0 to 100."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def list_pictures(path: Path) -> list[Path]:
    """The picture files below a folder in sorted order, or the file itself.

    Raises:
        PictureError: nothing is there, or the folder holds no picture.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PictureError(f"{path}: no such picture or folder")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise PictureError(f"{path}: no pictures in this folder ({', '.join(sorted(SUFFIXES))})")
    return found
