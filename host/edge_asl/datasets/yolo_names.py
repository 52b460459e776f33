"""The class names of YOLO data: wherever the tools write them, and never guessed.

labelImg and Label Studio write ``classes.txt`` (labelImg beside the labels), Roboflow, Ultralytics and CVAT a YAML file
with ``names``, Darknet and older CVAT ``obj.names``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from edge_asl.datasets.texts import read_names, read_text
from edge_asl.errors import DataError

LISTS = ("classes.txt", "obj.names", "classes.names", "predefined_classes.txt")
_LIST_SUFFIX, _YAML = ".names", (".yaml", ".yml")
_SEARCHED = "classes.txt, *.names, and *.yaml with names"


def find_names(root: Path, parts: Sequence[str]) -> tuple[dict[int, str], list[Path]]:
    """Number → name, as it is written, and the files that say so; both empty if no file does.

    Looked for in ``root``, its parts, their ``labels`` and ``images``; and if nothing is there, in the folder above.

    Raises:
        DataError: a file cannot be read, or two of them contradict each other.
    """
    names, files = _agreed((path, _read(path)) for path in _candidates(_places(root, parts)))
    if not names:
        whole = root.absolute()
        near = [path for path in _candidates([whole.parent]) if _is_about(path, whole.name)]
        names, files = _agreed((path, _read(path)) for path in near)
    return names, files


def _agreed(read: Iterable[tuple[Path, Mapping[int, str]]]) -> tuple[dict[int, str], list[Path]]:
    names: dict[int, str] = {}
    said: dict[int, Path] = {}
    for path, found in read:
        for number, name in found.items():
            if names.setdefault(number, name) != name:
                raise DataError(
                    f"{path}: class {number} is {name} here, but {names[number]} in {said[number]}; "
                    "remove the wrong one"
                )
            said.setdefault(number, path)
    return names, list(dict.fromkeys(said.values()))


def not_found(root: Path, parts: Sequence[str]) -> DataError:
    """What to say where there are none."""
    whole = root.absolute()
    places = ", ".join(f"{folder}/" for folder in [*_places(root, parts), whole.parent])
    # One in the folder above may be of other data.
    near = next(
        (path for path in _candidates([whole.parent]) if not _is_about(path, whole.name) and _has_names(path)), None
    )
    if near:
        said = f"; {near} names classes, but not this folder: copy it to {root} if it belongs to it, or write "
    else:
        said = "; write "
    return DataError(
        f"{root}: expected the names of the classes, found none; looked for {_SEARCHED} in {places}{said}"
        f"{root / 'classes.txt'}, one name a line in the order of their numbers (the alphabet: A, B, C and so on)"
    )


def _places(root: Path, parts: Sequence[str]) -> list[Path]:
    folders = [root]
    for part in parts:
        labels = root / part / "labels"
        inside = sorted(path for path in labels.iterdir() if path.is_dir() and not path.name.startswith("."))
        folders += [root / part, labels, *inside, root / part / "images"]
    return list(dict.fromkeys(folders))


def _is_about(path: Path, name: str) -> bool:
    """Whether a file in the folder above speaks of this one; a YAML file says which folders it describes."""
    return path.suffix.lower() not in _YAML or name in re.split(r"[\s/\\'\":,\[\]]+", read_text(path))


def _candidates(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            inside = sorted(name for name in os.listdir(folder) if _may_name(name))  # noqa: PTH208 - 10⁵ names
        except OSError:
            continue  # there is no such folder; or the one above is closed to this user
        yield from (path for name in inside if (path := folder / name).is_file())


def _may_name(name: str) -> bool:
    low = name.lower()
    return not low.startswith(".") and (low in LISTS or low.endswith((_LIST_SUFFIX, *_YAML)))


def _read(path: Path) -> dict[int, str]:
    text = read_text(path)
    if path.suffix.lower() in _YAML:
        return _yaml_names(path, text)
    return read_names(path, text)


def _has_names(path: Path) -> bool:
    try:
        return bool(_read(path))
    except DataError:
        return False


def _yaml_names(path: Path, text: str) -> dict[int, str]:
    """What stands under ``names``: a list, or a mapping of numbers; empty if nothing does.

    Nodes are read, not values: to YAML ``yes`` is true, 01 is 1, and of two equal keys the last wins.
    """
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        if not re.search(r"^names\s*:", text, re.MULTILINE):
            return {}  # another program's template, or several documents
        raise DataError(f"{path}: not YAML: {' '.join(str(error).split())}; correct it") from error
    if not isinstance(top, yaml.MappingNode):
        return {}
    fields = {key.value: value for key, value in top.value if isinstance(key, yaml.ScalarNode)}
    node = fields.get("names")
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null")):
        return {}
    names = _names_in(path, node)
    _check_count(path, fields.get("nc"), names)
    return names


def _names_in(path: Path, node: yaml.Node) -> dict[int, str]:
    if isinstance(node, yaml.SequenceNode):
        pairs = [(str(number), value) for number, value in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        pairs = [(key.value if isinstance(key, yaml.ScalarNode) else "", value) for key, value in node.value]
    else:
        raise DataError(f"{path}: names: expected a list or a mapping of numbers, found {node.value!r}; correct it")
    names: dict[int, str] = {}
    for key, value in pairs:
        if not (key.isascii() and key.isdecimal()) or not isinstance(value, yaml.ScalarNode):
            raise DataError(f"{path}: names: expected numbers with a name each, found {key!r}; correct it")
        if int(key) in names:
            raise DataError(f"{path}: names: number {key} stands there twice; correct it")
        if value.value.strip():
            names[int(key)] = value.value.strip()
    return names


def _check_count(path: Path, node: yaml.Node | None, names: Mapping[int, str]) -> None:
    if isinstance(node, yaml.ScalarNode) and node.value.isdecimal() and names and max(names) >= int(node.value):
        raise DataError(f"{path}: nc is {node.value}, but names go up to number {max(names)}; correct it")
