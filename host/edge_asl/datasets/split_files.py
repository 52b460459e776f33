"""``split.json``: a split on disk, read back only for the data it was made for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from edge_asl.datasets.people import in_several_parts
from edge_asl.datasets.types import Dataset, Split
from edge_asl.errors import DataError
from edge_asl_device.files import write_atomically

FORMAT = 1


class _Parts(msgspec.Struct, forbid_unknown_fields=True):
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    how: str
    seed: int
    data_digest: str
    shares_people: bool
    parts: _Parts


def write_split(path: Path, split: Split) -> None:
    """Write a split as JSON, completely or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    parts = _Parts(**{part: tuple(sorted(split.parts.get(part, ()))) for part in _Parts.__struct_fields__})
    content = _File(FORMAT, split.method, split.seed, split.data_digest, split.shares_people, parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_split(path: Path, dataset: Dataset) -> Split:
    """Read a split and check it against its data set.

    Raises:
        DataError: not a split file, or one for other data; unknown pictures, a picture twice, or people or bursts in
            several parts although the file claims otherwise.
    """
    file = _decode(path)
    if file.format != FORMAT:
        raise DataError(
            f"{path}: expected split format {FORMAT}, found {file.format}; remove the file to make a new split"
        )
    if file.data_digest != dataset.digest:
        raise DataError(
            f"{path}: made for other data: expected digest {file.data_digest[:12]}…, found {dataset.digest[:12]}… in "
            f"{dataset.name}; restore the pictures, or remove the file to make a new split"
        )
    split = peek_split(path)
    _check(path, split, dataset)
    return split


def peek_split(path: Path) -> Split:
    """Read a split without its data; nothing is checked against them.

    Raises:
        DataError: not a split file.
    """
    file = _decode(path)
    return Split(file.how, file.seed, file.data_digest, msgspec.structs.asdict(file.parts), file.shares_people)


def _decode(path: Path) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a split file: {error}; remove it to make a new one") from error


def _check(path: Path, split: Split, dataset: Dataset) -> None:
    listed = Counter(name for names in split.parts.values() for name in names)
    twice = sorted(name for name, times in listed.items() if times > 1)
    unknown = sorted(listed.keys() - {picture.path for picture in dataset.pictures})
    # Whoever gave the parts may have put shots of one burst into several; duplicates among them are told of.
    given = split.method == "given"
    bursts = [] if given else in_several_parts(dataset.pictures, split.parts, lambda picture: picture.burst)
    people = [] if split.shares_people else in_several_parts(dataset.pictures, split.parts, lambda p: p.signer)
    for names, wrong in (
        (twice, "each picture once"),
        (unknown, f"pictures of {dataset.name}"),
        (bursts, "each burst in one part"),
        (people, "each person in one part, as shares_people = false claims"),
    ):
        if names:
            raise DataError(
                f"{path}: expected {wrong}, violated by {names[0]} and {len(names) - 1} more; "
                "remove the file to make a new split"
            )
