"""Reading picture files, the same way on the workstation and on the device."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_asl_device.errors import PictureError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, uint8, (height, width, 3), turned upright as its EXIF orientation says.

    Raises:
        PictureError: missing, empty, truncated beyond use, or not a picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read: {error.strerror or error}") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture file's bytes as ``read_picture`` does; ``name`` appears in error messages.

    Raises:
        PictureError: empty or not a picture.
    """
    if not data:
        raise PictureError(f"{name}: not a picture: the file is empty; remove it")
    try:
        # IMREAD_COLOR without IMREAD_IGNORE_ORIENTATION applies the EXIF orientation.
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError(f"{name}: not a picture that OpenCV can decode ({error.err}); remove it") from error
    if bgr is None:
        raise PictureError(f"{name}: not a picture: no decoder accepts its {len(data)} bytes; remove it")
    return np.ascontiguousarray(bgr[:, :, ::-1])


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
