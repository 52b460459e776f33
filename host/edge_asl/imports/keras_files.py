"""What a Keras file says of its network before any of it is built: whether it holds code, and what Keras 2 wrote."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_asl.errors import ModelError
from edge_asl.imports.damage import HDF5, HEAD, meaning_of_file

Config = dict[str, Any]

_CODE = {"Lambda": "a Lambda layer", "TorchModuleWrapper": "a PyTorch module"}
_KERAS = frozenset({"keras", "builtins", "tf_keras", "tensorflow"})
# A Normalization alone does not tell: it may have been adapted to pixels that were divided before.
_RESCALES = frozenset({"Rescaling"})


def read_config(path: Path) -> Config:
    """The architecture in a ``.keras``, ``.h5`` or ``.json`` file.

    Raises:
        ModelError: not such a file, or one without an architecture or from Keras 2 in a format that Keras 3 lacks.
    """
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as file:
                _refuse_keras_2(path, json.loads(file.read("metadata.json")))
                config = json.loads(file.read("config.json"))
        elif path.suffix == ".json":
            config = json.loads(path.read_text(encoding="utf-8"))
        else:
            config = json.loads(_attribute(path, "model_config"))
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        if isinstance(error, (OSError, zipfile.BadZipFile)) and (damage := _damage(path, str(error))):
            raise ModelError(f"{path}: expected a Keras model, found {damage}") from error
        raise ModelError(
            f"{path}: not a whole Keras model: {' '.join(str(error).split()) or type(error).__name__}; save it again "
            "with model.save('model.keras')"
        ) from error
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelError(f"{path}: expected a model's architecture, found other JSON; save with model.to_json()")
    return config


def check_no_code(path: Path, config: Config) -> None:
    """Refuse a network that brings code of its own: Lambda layers are Python bytecode in a file.

    Raises:
        ModelError: it does.
    """
    for part in parts_of(config):
        name, module = str(part["class_name"]), str(part.get("module") or "keras")
        own = part.get("registered_name") not in (None, name) or module.partition(".")[0] not in _KERAS
        if name in _CODE or own:
            what = _CODE.get(name, f"{name}, which is not part of Keras")
            raise ModelError(
                f"{path}: holds {what}, code that is never run here; where that code is, save the model without it, "
                "or as a SavedModel with model.export('folder'), and import that"
            )


def rescales(config: Config) -> bool:
    """Whether the network scales its pixels by itself."""
    return any(part["class_name"] in _RESCALES for part in parts_of(config))


def parts_of(config: Any) -> Iterator[Config]:
    """Everything in an architecture that has a class: layers, models in models, initializers."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from parts_of(value)
    elif isinstance(config, list):
        for value in config:
            yield from parts_of(value)


def readable_h5(path: Path, copy: Path) -> Path:
    """An ``.h5`` file that Keras 3 reads: itself, or if Keras 2 wrote it, a copy whose architecture is put right.

    Teachable Machine's exports are of this kind. Keras 3 stumbles over ``groups`` of depthwise convolutions and, in
    models within models, over lists of one input or output.
    """
    import h5py

    if not str(_attribute(path, "keras_version", "2")).startswith(("1.", "2")):
        return path
    config = json.loads(_attribute(path, "model_config"))
    for part in list(parts_of(config)):
        _put_right(part)
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
    return copy


def _put_right(part: Config) -> None:
    for name in ("module", "registered_name", "build_config"):  # only the last Keras 2 wrote them, with its own modules
        part.pop(name, None)
    settings = part.get("config")
    if not isinstance(settings, dict):
        return
    if part["class_name"] == "DepthwiseConv2D":
        settings.pop("groups", None)
    for name in ("input_layers", "output_layers"):
        ends = settings.get(name)
        if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
            settings[name] = ends[0]


def _damage(path: Path, said: str) -> str | None:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if path.suffix == ".keras" and head.startswith(b"PK"):
        return "a .keras file that was cut short; download or copy it again"
    if path.suffix == ".keras" and head.startswith(HDF5):
        return "an HDF5 file; name it .h5"
    return meaning_of_file(head, path.stat().st_size, said)


def _attribute(path: Path, name: str, default: str | None = None) -> str:
    import h5py

    with h5py.File(path) as file:
        if name not in file.attrs:
            if default is not None:
                return default
            raise ValueError("it holds weights but no architecture")
        value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def _refuse_keras_2(path: Path, metadata: Config) -> None:
    version = str(metadata.get("keras_version", ""))
    if version.startswith("2"):
        raise ModelError(
            f"{path}: written by Keras {version}; load it there and save it as .h5: model.save('model.h5')"
        )
