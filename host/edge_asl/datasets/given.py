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


def given_parts(name: str, pictures: Iterable[Picture]) -> dict[str, list[str]]:
    """Part → paths. A part is named by a whole word of a folder (``asl_alphabet_train/A/A1.jpg``) or of a table
    (``sign_mnist_test.csv#17``), never by a picture's own name.

    Raises:
        DataError: a picture is in no part, or in several.
    """
    parts: dict[str, list[str]] = {part: [] for part in dict.fromkeys(_WORDS.values())}
    for picture in pictures:
        table, row, _ = picture.path.partition("#")
        where = table if row else picture.path.rpartition("/")[0]
        found = {_WORDS[word.lower()] for word in _WORD.findall(where)}
        if len(found) != 1:
            what = " and ".join(sorted(found)) or "none"
            raise DataError(
                f"{name}: expected folders or tables named train, valid or test, found {what} in {picture.path}; "
                "rename them, or choose another data.split"
            )
        parts[found.pop()].append(picture.path)
    if not parts["train"]:
        raise DataError(f"{name}: expected a part named train, found none; rename it, or choose another data.split")
    return parts
