"""Class names: one spelling for each, and the order of the model's outputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from edge_asl.errors import DataError
from edge_asl_device.contract.manifest import LONGEST_LABEL

WORDS = {"del": "del", "delete": "del", "nothing": "nothing", "none": "nothing", "space": "space"}
"""The three signs besides letters and digits in the public data sets, in the spellings found there."""

# What cameras, phones and capture scripts write before the number: never a class.
_CAMERA_WORDS = {"img", "image", "photo", "pic", "picture", "frame", "dsc", "dscn", "dscf", "pxl", "mvimg"}
_CAMERA_WORDS |= {"vid", "wa", "screenshot", "capture", "webcam"}

_NAMED = re.compile(r"(?P<word>[^\W\d_]+|\d(?=[_-]))(?P<rest>.*)", re.DOTALL)
_RANGE = re.compile(r"([A-Z0-9])-([A-Z0-9])")
_COUNTED = re.compile(r"[ _-]?\d+|[_-]test|")

# Joiners hold emoji and the letters of Persian and Indic words together; tags make flags of countries within countries.
_JOINING = frozenset({"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))})


def normalise_label(text: str, where: str = "") -> str:
    """A class's name as the user wrote it, but for ``a`` → ``A``, and ``Delete`` → ``del``, ``None`` → ``nothing``.

    Only single letters from a to z are made capitals. Unicode is composed (NFC), because macOS writes file names
    decomposed and the same class would be two. ``where``: what a message names.

    Raises:
        DataError: nothing is left, or the name does not fit on a line of ``labels.txt`` or on a screen.
    """
    label, at = unicodedata.normalize("NFC", text).strip(), f"{where}: " if where else ""
    hidden = next((c for c in label if not c.isprintable() and c not in _JOINING), None)
    if not label or hidden is not None:
        what = "" if hidden is None else f", it contains the invisible U+{ord(hidden):04X}"
        raise DataError(f"{at}label {text!r}: not a printable word{what}; rename the class")
    if len(label) > LONGEST_LABEL:
        raise DataError(
            f"{at}label {label[:20]}…: expected at most {LONGEST_LABEL} characters, found {len(label)}; rename it"
        )
    if len(label) == 1:
        return label.upper() if label.isascii() else label
    return WORDS.get(label.lower(), label)


def is_renamed(text: str) -> bool:
    """Whether a class is called otherwise than the user wrote it; composing Unicode changes nothing that is seen."""
    return normalise_label(text) != unicodedata.normalize("NFC", text)


def is_known(label: str) -> bool:
    """True for a single letter or digit and for ``space``, ``del``, ``nothing``; False for a user's own word."""
    return (len(label) == 1 and label.isalnum()) or label in WORDS.values()


def order_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in the order of the model's outputs: digits by value, letters, then words, each sorted."""
    return tuple(sorted(set(labels), key=_order))


def _order(label: str) -> tuple[int, int, str]:
    if label.isdecimal():
        return 0, int(label), label
    return (1 if len(label) == 1 else 2), 0, label


class Choice(NamedTuple):
    """Labels that somebody asked for."""

    named: frozenset[str]
    """Each by its name."""
    ranged: frozenset[str]
    """Without each having to occur, as in a range such as A–Z."""

    def has(self, label: str) -> bool:
        """Whether it was asked for."""
        return label in self.named or label in self.ranged


def labels_in_range(word: str) -> list[str] | None:
    """``A-C`` → A, B, C; empty if it ends before it starts, or is of a letter and a digit; None: not a range."""
    match = _RANGE.fullmatch(word.strip().upper())
    if match is None:
        return None
    if match[1].isdecimal() != match[2].isdecimal():
        return []
    return [chr(code) for code in range(ord(match[1]), ord(match[2]) + 1)]


def choose_labels(words: Iterable[str]) -> Choice:
    """Read ``A-Z``, ``0-9``, ``del``: ranges of letters or digits, and labels.

    Raises:
        DataError: a range that ends before it starts, or not a word.
    """
    named: set[str] = set()
    ranged: set[str] = set()
    for word in words:
        span = labels_in_range(word)
        if span is None:
            named.add(normalise_label(word))
        elif span:
            ranged.update(span)
        else:
            raise DataError(f"labels: expected a range such as A-Z or 0-9, found {word!r}; correct it")
    return Choice(frozenset(named), frozenset(ranged))


def label_in_name(stem: str) -> str | None:
    """The class that a file name starts with: ``A_34``, ``A34``, ``A_test``, ``5_12``, ``del12``; else None.

    A letter, ``space``, ``del`` and ``nothing`` may be followed by anything but more letters. A user's own word
    counts only before a number, and a camera's word (``IMG_1118``) never. A digit needs a ``_`` or ``-`` after it:
    ``512`` could be class 5 or 51 or no class at all.
    """
    match = _NAMED.fullmatch(unicodedata.normalize("NFC", stem))
    if match is None or match["word"].lower() in _CAMERA_WORDS or len(match["word"]) > LONGEST_LABEL:
        return None
    # I'm_3: the word goes on; so it does where a vowel's sign follows, as in Hindi.
    if match["rest"][:1] in ("'", "’") or unicodedata.category(match["rest"][:1] or "x").startswith("M"):
        return None
    label = normalise_label(match["word"])
    if is_known(label) or _COUNTED.fullmatch(match["rest"]):
        return label
    return None
