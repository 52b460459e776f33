"""Small copies of other pictures, as photo programs and network drives keep them, looked for before a build.

``data check`` compares every picture with every other. Here only those of one class in one data folder are compared,
and only where some have four times as many pixels as others: data from one camera cost a look at each file's header.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from edge_asl.datasets.digest import THREADS
from edge_asl.datasets.duplicates import near_duplicates
from edge_asl.datasets.listing import Issue
from edge_asl.datasets.remarks import with_issues
from edge_asl.datasets.types import Dataset, Picture
from edge_asl.progress import Progress
from edge_asl_device.errors import PictureError
from edge_asl_device.files import write_atomically

FILE = "small-copies.json"


class _Found(msgspec.Struct, frozen=True):
    """What was found in one data set."""

    digest: str
    pairs: tuple[tuple[str, str], ...]
    """Path of the small one, of the large one."""


def told_of_small_copies(dataset: Dataset, progress: Progress, kept: Path | None = None) -> Dataset:
    """The same data set with a warning if small copies count in it.

    Args:
        dataset: as it was read.
        progress: shows how many are compared, if any.
        kept: a file that remembers the answer for these data.
    """
    found = _remembered(kept)
    if found is None or found.digest != dataset.digest:
        found = _Found(dataset.digest, tuple(small_copies(dataset, progress)))
        if kept is not None:
            write_atomically(kept, msgspec.json.encode(found))
    fix = "remove them: each counts twice, and in training and test at once it is a leak"
    issues = [Issue("thumbnails", "warning", few, f"a small copy of {many}", fix) for few, many in found.pairs]
    return with_issues(dataset, issues) if issues else dataset


def small_copies(dataset: Dataset, progress: Progress) -> list[tuple[str, str]]:
    """Paths of small copies, each with that of the large picture that it is like."""
    pictures = [picture for picture in dataset.pictures if dataset.file_of(picture).is_file()]
    with ThreadPoolExecutor(THREADS) as pool:
        pixels = list(pool.map(lambda picture: _pixels(dataset.file_of(picture)), pictures))
        groups: dict[tuple[str, str], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (picture, count) in enumerate(zip(pictures, pixels, strict=True)):
            if count:
                groups[picture.source, picture.label][count.bit_length()].append(index)
        # Octaves of pixels, as in data check: of one camera's bursts none is compared with another.
        pairs = [
            (small, [i for other in octaves if other > octave + 1 for i in octaves[other]])
            for octaves in groups.values()
            for octave, small in sorted(octaves.items())
            if max(octaves) > octave + 1
        ]
        wanted = sorted({index for pair in pairs for part in pair for index in part})
        if not wanted:
            return []
        hashes: dict[int, int] = {}
        with progress.task("compared, as their sizes differ", len(wanted)) as advance:
            looks = pool.map(lambda index: _looks(dataset, pictures[index]), wanted)
            for done, (index, look) in enumerate(zip(wanted, looks, strict=True), 1):
                if look is not None:
                    hashes[index] = look
                advance(done)
    return [
        (pictures[few].path, pictures[many].path)
        for small, large in pairs
        for few, many in _twins(small, large, hashes)
    ]


def _twins(small: Sequence[int], large: Sequence[int], hashes: dict[int, int]) -> list[tuple[int, int]]:
    few, many = ([index for index in part if index in hashes] for part in (small, large))
    known, asked = (np.array([hashes[index] for index in part], np.uint64) for part in (many, few))
    return [(f, many[twin]) for f, twin in zip(few, near_duplicates(known, asked), strict=True) if twin >= 0]


def _pixels(path: Path) -> int:
    """As the header says; 0 where it says nothing: whoever decodes it will complain."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.width * image.height
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return 0


def _looks(dataset: Dataset, picture: Picture) -> int | None:
    from PIL import Image

    from edge_asl.datasets.picture_facts import perceptual_hash

    try:
        return perceptual_hash(Image.fromarray(dataset.load(picture)))
    except PictureError:
        return None


def _remembered(kept: Path | None) -> _Found | None:
    try:
        return None if kept is None else msgspec.json.decode(kept.read_bytes(), type=_Found)
    except (OSError, msgspec.MsgspecError):
        return None
