"""The parts that data come in: ``train``, ``valid`` and ``test`` folders, as Roboflow and YOLO export them."""

from __future__ import annotations

from edge_asl.datasets.types import Dataset

_NAMES = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def given_part(path: str) -> str | None:
    """``train``, ``validation`` or ``test`` by the first folder of a picture's path that is named so; else None."""
    words = (folder.lower().replace("-", "_").rpartition("_")[2] for folder in path.split("/")[:-1])
    return next((_NAMES[word] for word in words if word in _NAMES), None)


def given_parts(dataset: Dataset) -> dict[str, list[str]]:
    """Part → the paths of its pictures. Those that lie in no such folder are for training."""
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for picture in dataset.pictures:
        parts[given_part(picture.path) or "train"].append(picture.path)
    return parts
