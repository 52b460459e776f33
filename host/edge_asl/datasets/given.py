"""The split that the data bring along: ``train/``, ``valid/`` and ``test/`` in the names of folders or files.

Roboflow's and YOLO's exports, the folders that tutorials make, and Sign-Language-MNIST's two tables are named so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_WORD = re.compile(rf"(?<![^\W_])({'|'.join(_WORDS)})(?![^\W_])", re.IGNORECASE)


def given_part(path: str) -> str | None:
    """``train``, ``validation`` or ``test``; None: the path names none, or several.

    A part is named by a whole word of a folder (``asl_alphabet_train/A/A1.jpg``) or of a table
    (``sign_mnist_test.csv#17``), never by a picture's own name.
    """
    table, row, _ = path.partition("#")
    found = {_WORDS[word.lower()] for word in _WORD.findall(table if row else path.rpartition("/")[0])}
    return found.pop() if len(found) == 1 else None


def given_parts(name: str, pictures: Iterable[Picture]) -> dict[str, list[str]]:
    """Part → paths.

    Raises:
        DataError: a picture is in none, or there is none for training.
    """
    parts: dict[str, list[str]] = {part: [] for part in dict.fromkeys(_WORDS.values())}
    for picture in pictures:
        part = given_part(picture.path)
        if part is None:
            raise DataError(
                f"{name}: expected each picture in a folder or table named train, valid or test, found {picture.path}; "
                "rename them, or choose another data.split"
            )
        parts[part].append(picture.path)
    if not parts["train"]:
        raise DataError(f"{name}: expected a part named train, found none; rename it, or choose another data.split")
    return parts
