"""What lies at the path that somebody wants to import: which kind of model, and the labels beside it."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from edge_asl.errors import ModelError
from edge_asl_device.contract.manifest import LABELS, MANIFEST
from edge_asl_device.files import sha256_of

Kind = Literal["Keras", "Keras architecture and weights", "SavedModel", "Teachable Machine", "TensorFlow Lite"]

TEACHABLE_MACHINE = ("keras_model.h5", "model_unquant.tflite")
"""What Teachable Machine calls the models in its archives."""
LARGEST_ARCHIVE = 2_000_000_000
"""Bytes, unpacked: VGG16 with its top has 550 MB."""

_EXPECTED = "a .keras, .h5 or .tflite file, a SavedModel folder, or Teachable Machine's .zip or folder"
_REMEDIES = {
    ".onnx": "convert it to a SavedModel or to Keras first",
    ".pb": "name the SavedModel's folder, the one that holds saved_model.pb",
    ".pt": "a PyTorch model has to be rebuilt in Keras or exported to a SavedModel first",
    ".pth": "a PyTorch model has to be rebuilt in Keras or exported to a SavedModel first",
    ".pkl": "a pickle runs code when it is read, and is never read here; save with model.save('model.keras')",
    ".joblib": "a pickle runs code when it is read, and is never read here; save with model.save('model.keras')",
}


class Source(NamedTuple):
    """A model that was found."""

    kind: Kind
    path: Path
    """The file, or the folder of a SavedModel; of an architecture, its JSON file."""
    given: Path
    """What the user named."""
    sha256: str
    """Of the file that the user named; of a folder, over the names and contents of what is loaded of it."""
    labels: Path | None
    """A ``labels.txt`` beside it."""

    @property
    def weights(self) -> Path:
        """Of an architecture: the file of its weights."""
        return next(iter(sorted(self.path.parent.glob("*.weights.h5"))))


def is_model(path: Path) -> bool:
    """Whether a path is a model's, and not a bundle's, which has a manifest."""
    if not path.is_dir():
        return path.suffix.lower() in (".keras", ".h5", ".hdf5", ".zip", ".tflite")
    return not (path / MANIFEST).exists() and ((path / "saved_model.pb").is_file() or bool(_models_in(path)))


def find_model(given: Path, unpacked: Path) -> Source:
    """Find the one model in a file, a folder or a ``.zip``, which is unpacked to the folder ``unpacked``.

    Raises:
        ModelError: nothing is there, or nothing that can be imported, or several models.
    """
    if not given.exists():
        raise ModelError(f"{given}: no such model; check the path")
    if given.is_file() and given.suffix.lower() == ".zip":
        _unpack(given, unpacked)
        return _in_folder(unpacked, given)._replace(given=given, sha256=sha256_of(given))
    return _in_folder(given, given) if given.is_dir() else _file(given)


def _file(path: Path) -> Source:
    suffix = path.suffix.lower()
    labels = path.parent / LABELS
    if path.name.endswith(".weights.h5"):
        raise ModelError(f"{path}: weights without an architecture; put the model's JSON beside it and name the folder")
    if path.name in TEACHABLE_MACHINE and suffix != ".tflite":
        kind: Kind = "Teachable Machine"
    elif suffix in (".keras", ".h5", ".hdf5"):
        kind = "Keras"
    elif suffix == ".tflite":
        kind = "TensorFlow Lite"
    else:
        what = _REMEDIES.get(suffix, "save the model as one of these")
        raise ModelError(f"{path}: expected {_EXPECTED}, found {suffix or 'a file without suffix'}; {what}")
    return Source(kind, path, path, sha256_of(path), labels if labels.is_file() else None)


def _in_folder(folder: Path, given: Path) -> Source:
    """The model in ``folder``, or in the only folder in it; an archive often holds one."""
    while not (names := _models_in(folder)):
        below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))]
        if len(below) != 1 or (folder / "saved_model.pb").exists():
            break
        folder = below[0]
    labels = folder / LABELS
    found = labels if labels.is_file() else None
    if (folder / "saved_model.pb").is_file():
        return Source("SavedModel", folder, given, _digest(folder, sorted(folder.rglob("*"))), found)
    if (folder / "model.json").is_file() and list(folder.glob("*.bin")):
        raise ModelError(
            f"{given}: a TensorFlow.js model, which cannot be read here; in Teachable Machine choose Export Model, "
            "Tensorflow, Keras instead"
        )
    if len(names) != 1:
        several = (
            f"{', '.join(path.name for path in names)}; name one of them" if names else f"none; expected {_EXPECTED}"
        )
        raise ModelError(f"{given}: expected one model, found {several}")
    if names[0].suffix == ".json":
        content = [names[0], *sorted(folder.glob("*.weights.h5"))]
        return Source("Keras architecture and weights", names[0], given, _digest(folder, content), found)
    return _file(names[0])._replace(given=given)


def _models_in(folder: Path) -> list[Path]:
    models = [p for suffix in ("*.keras", "*.h5", "*.hdf5", "*.tflite") for p in sorted(folder.glob(suffix))]
    whole = [path for path in models if not path.name.endswith(".weights.h5")]
    if whole or len(models) != 1:
        return whole or models
    return sorted(folder.glob("*.json")) or models


def _digest(folder: Path, paths: list[Path]) -> str:
    """SHA-256 over a line for each file, as ``sha256sum`` writes it."""
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths if path.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _unpack(archive: Path, target: Path) -> None:
    """Unpack into a fresh folder. Nothing can be written outside it."""
    shutil.rmtree(target, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            entries = file.infolist()
            if any(
                PurePosixPath(entry.filename).is_absolute() or ".." in entry.filename.split("/") for entry in entries
            ):
                raise ModelError(f"{archive}: holds paths that lead outside the archive; do not trust it")
            if (size := sum(entry.file_size for entry in entries)) > LARGEST_ARCHIVE:
                raise ModelError(f"{archive}: unpacks to {size / 1e9:.1f} GB; unpack it yourself and name the folder")
            file.extractall(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last: encrypted, unknown methods
        raise ModelError(f"{archive}: not a whole .zip file: {error}; download it again") from error
