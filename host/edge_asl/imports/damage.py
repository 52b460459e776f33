"""What lies in a file that should hold weights or a model and does not: a web page, half a download, something else.

HDF5's own words are "file signature not found", whatever is found instead.
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_asl_device.errors import one_line
from edge_asl_device.other_programs.sayings import Saying, meaning_of

HEAD = 4096
HDF5 = b"\x89HDF\r\n\x1a\n"

_AGAIN = "download it again, from the link that gives the file itself"
_KINDS: tuple[tuple[str, str], ...] = (
    (r"(?is)^\s*(?:<!doctype html|<html|<\?xml|<head)", "a web page{title}; " + _AGAIN),
    (r"(?s)^version https://git-lfs\.github\.com", "a Git LFS pointer instead of the file; run git lfs pull"),
    (r"(?s)^\s*[{\[]", "JSON text that begins {begins}; " + _AGAIN),
    (r"(?s)^PK\x03\x04", "a ZIP archive; unpack it, or if it is a Keras 3 model name it .keras"),
    (r"(?s)^\x1f\x8b|^BZh|^\xfd7zXZ|^7z\xbc\xaf|^Rar!", "a compressed archive; unpack it"),
    (r"(?s)^....TFL3", "a TensorFlow Lite model, which cannot be trained further; edge-asl import takes such files"),
    (r"(?s)^\x80[\x02-\x05]", "a Python pickle, which is never read here; save with model.save('model.keras')"),
    (r"(?s)^\x00*$", "only zeros; " + _AGAIN),
)
"""How a file begins (as Latin-1) → what it is."""

_HDF5 = (
    Saying(
        r"[Tt]runcated file: eof = (?P<found>\d+), .*stored_eo[fa] = (?P<wanted>\d+)",
        "a file that was cut short, {found} of {wanted} bytes; download or copy it again",
    ),
    Saying(
        r"unable to lock file",
        "a file that another program has open; end that, or copy the file",
    ),
    Saying(r"\((?P<why>[^()]+)\)\s*$", "a damaged HDF5 file ({why}); download or copy it again"),
)


def hdf5_damage(path: Path, said: str = "") -> str | None:
    """What is found where an HDF5 file was expected, and what to do; None for one that opens.

    Args:
        path: a file.
        said: what reading it raised, if it was read already.
    """
    import h5py

    with path.open("rb") as file:
        head, size = file.read(HEAD), path.stat().st_size
    if not said:
        try:
            with h5py.File(path):
                return None
        except (OSError, RuntimeError, ValueError) as error:
            said = str(error)
    return meaning_of_file(head, size, said)


def meaning_of_file(head: bytes, size: int, said: str) -> str | None:
    """The same of the first bytes, the size and the words of the HDF5 library; None if they do not tell."""
    if size == 0:
        return f"an empty file; {_AGAIN}"
    if head.startswith(HDF5):
        return meaning_of(_HDF5, said)
    if known := foreign_kind(head):
        return known
    shown = head.decode("latin-1")[:20]
    return one_line(f"a file that begins {shown!r}; name a weights or model file that Keras wrote")


def foreign_kind(head: bytes) -> str | None:
    """What a file that begins so is instead of a model, and what to do; None if its beginning does not tell."""
    text = head.decode("latin-1")
    title = re.search(r"(?is)<title[^>]*>\s*(.*?)\s*</title", text)
    facts = {"title": f" ({title[1][:60]!r})" if title else "", "begins": repr(text[:40])}
    for pattern, sentence in _KINDS:
        if re.search(pattern, text):
            return one_line(sentence.format(**facts))
    return None
