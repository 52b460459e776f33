"""Writing a bundle, the folder that the device runs: completely or not at all."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from edge_asl.datasets.digest import write_contents
from edge_asl.datasets.split_files import write_split
from edge_asl.datasets.types import Dataset, Split
from edge_asl.errors import DataError
from edge_asl_device.contract.bundle import read_bundle
from edge_asl_device.contract.manifest import LABELS, MANIFEST, NAME, File, Manifest
from edge_asl_device.files import replacing_folder, sha256_of

SPLIT, HASHES, CONTENTS = "split.json", "hashes.json", "contents.json"
"""In a build's working folder: its split, the hashes of files as they were read, and the contents that are split."""
PACKAGES = (
    "edge-asl",
    "edge-asl-device",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
)


def write_bundle(target: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write ``contents`` (file name → bytes), labels and manifest to ``target``, replacing an older bundle.

    ``manifest.files`` is filled in here. The new bundle is read back, as the device would, before it is put in place.

    Raises:
        DataError: ``target`` exists and is not a bundle.
        BundleError: the written files do not read back.
    """
    check_bundle_path(target)
    with replacing_folder(target) as folder:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        (folder / LABELS).write_text("".join(f"{label}\n" for label in manifest.labels), encoding="utf-8")
        files = {path.name: File(sha256_of(path), path.stat().st_size) for path in sorted(folder.iterdir())}
        complete = msgspec.structs.replace(manifest, files=files)
        encoded = msgspec.json.format(msgspec.json.encode(complete), indent=2)
        (folder / MANIFEST).write_bytes(encoded + b"\n")
        read_bundle(folder)


def keep_split(work: Path, split: Split, dataset: Dataset) -> None:
    """Write into a build's working folder which picture is in which part and, to know copies of them, their contents.

    Raises:
        DataError: the folder cannot be written.
    """
    write_split(work / SPLIT, split)
    write_contents(work / CONTENTS, dataset)


def check_bundle_path(target: Path) -> None:
    """Refuse a path where no bundle may be written.

    Raises:
        DataError: ``target`` exists and is not a bundle, or its name is not allowed for bundles.
    """
    if not re.fullmatch(NAME, target.name):
        raise DataError(
            f"{target}: expected a name of letters, digits, dots, dashes and underscores, found {target.name!r}; "
            "choose another --out"
        )
    check_replaceable(target, MANIFEST, "--out")


def check_replaceable(target: Path, marker: str, option: str) -> None:
    """Refuse to replace anything but a folder that is empty or contains a file ``marker``.

    Raises:
        DataError: ``target`` is a file, or a folder of other files.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / marker).is_file()):
        found = "a file" if target.is_file() else "a folder of other files"
        raise DataError(f"{target}: {found} is in the way; choose another {option}")


def work_folder(bundle: Path) -> Path:
    """Where a build keeps its steps' results: ``.work/NAME`` beside the bundle."""
    return bundle.parent / ".work" / bundle.name


def version_of(created: datetime) -> str:
    """A bundle's default version, dotted numbers that grow with time: 2026.11.20.2251."""
    return f"{created:%Y.%-m.%-d}.{created.hour * 100 + created.minute}"


def package_versions() -> dict[str, str]:
    """The installed versions of the packages that determine a model."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def git_commit(folder: Path) -> str | None:
    """The commit checked out in ``folder``, with ``+`` if files differ from it; None outside a checkout."""
    try:
        run = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--match=", "--dirty=+"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip() or None
