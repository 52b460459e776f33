"""Which sign each output of a model from elsewhere stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from edge_asl.datasets.labels import labels_in_range, normalise_label
from edge_asl.datasets.texts import read_text
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError, ModelError

_NUMBERED = re.compile(r"(\d+)\s+(\S.*)")


def read_labels(path: Path) -> list[str]:
    """The labels in a file, one a line, with numbers before them (``0 A``, as Teachable Machine writes) or without.

    Raises:
        ModelError: the file cannot be read, or its numbers do not count from 0.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except DataError as error:
        raise ModelError(str(error)) from error
    numbered = [match for line in lines if (match := _NUMBERED.fullmatch(line))]
    if not lines or len(numbered) < len(lines):
        return lines
    named = {int(match[1]): match[2] for match in numbered}
    if sorted(named) != list(range(len(lines))):
        raise ModelError(
            f"{path}: expected numbers from 0 to {len(lines) - 1}, found {', '.join(map(str, sorted(named)))}"
        )
    return [named[number] for number in range(len(lines))]


def parse_labels(text: str) -> list[str]:
    """What ``--labels`` says, in its order: ``A-I,K-Y,space`` or a file of one label a line.

    Raises:
        ModelError: a range that ends before it starts, or the file cannot be read.
    """
    if Path(text).is_file():
        return read_labels(Path(text))
    found: list[str] = []
    for word in text.split(","):
        span = labels_in_range(word)
        if span is None:
            found.append(word.strip())
        elif span:
            found.extend(span)
        else:
            raise ModelError(f"--labels: expected a range such as A-Z or 0-9, found {word!r}; correct it")
    return found


def in_keras_order(pictures: Iterable[Picture]) -> list[str]:
    """The labels of the pictures as Keras numbers their folders: by the folder's own name, so ``Del`` before ``E``.

    The label of a folder ``Del`` is ``del``, which would come after all letters.
    """
    named = {picture.label: _folder_of(picture) for picture in pictures}
    return sorted(named, key=lambda label: named[label])


def _folder_of(picture: Picture) -> str:
    folder = PurePosixPath(picture.path).parent.name
    return folder if folder and normalise_label(folder) == picture.label else picture.label


def labels_of_outputs(named: Sequence[str] | None, where: str, classes: int, data: Sequence[str]) -> tuple[str, ...]:
    """The label of each of a model's outputs, spelled as the data's are.

    ``named`` come from ``where``; without them it is ``data``, the data's classes in the order of ``in_keras_order``,
    which is how most tutorials number them, if there are as many of these.

    Raises:
        ModelError: another number of labels than outputs, or one of them twice.
    """
    if named is None:
        if len(data) != classes:
            raise ModelError(
                f"{where}: has {classes} outputs, and the data {len(data)} classes: {', '.join(data)}; "
                "say which output is which with --labels, or put a labels.txt beside the model"
            )
        return tuple(data)
    labels = tuple(normalise_label(name, where) for name in named)
    if len(labels) != classes:
        raise ModelError(
            f"{where}: expected {classes} labels, as many as the model has outputs, found {len(labels)}: "
            f"{', '.join(labels)}; correct them"
        )
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ModelError(f"{where}: expected each label once, found {', '.join(twice)} twice; correct them")
    return labels
