"""Names that a reader takes for one and the program for two: capitals, width, spaces, and letters of other scripts."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from edge_asl.datasets.listing import Issue

# Source: Unicode Technical Standard 39, confusables.txt: Greek, Cyrillic and full-width letters and digits that are
# drawn like those of ASCII.
_LIKE = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανιορ" + "АВЕЅІЈКМНОРСТХУҮԚԜаеорсхуіѕјԁһѵԛԝӏ",
    "ABEZHIKMNOPTYXaviop" + "ABESIJKMHOPCTXYYQWaeopcxyisjdhvqwl",
) | {0xFEE0 + code: code for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))}

_COPY = re.compile(
    r"(?P<name>.+?)(?:[ _]?\(\d+\)| [-–] (?:copy|kopie|copie|copia|cópia|kopia|コピー)(?: ?\(\d+\))?| copy(?: \d+)?)"
    r"|copy of (?P<of>.+)",
    re.IGNORECASE,
)


def classes_alike(counts: Mapping[str, int]) -> Iterator[Issue]:
    """What to say of classes, given how many pictures each has."""
    yield from _alike("capitals", "classes", counts)
    yield from _of_another_script(counts)
    yield from _copies(counts)


def people_alike(counts: Mapping[str, int]) -> Iterator[Issue]:
    """What to say of people, given how many pictures show each."""
    yield from _alike("people-alike", "people", counts)


def _alike(kind: str, which: str, counts: Mapping[str, int]) -> Iterator[Issue]:
    """Two, as names are what the user wrote, but hardly meant to be: hello and Hello, A and the Greek Α."""
    written = _groups(counts, _without_capitals)
    drawn = [group for group in _groups(counts, _as_drawn) if group not in written]
    for groups, how in ((written, "in capitals, width or spaces"), (drawn, "in letters of other scripts")):
        for several in groups:
            names = " and ".join(f"{_told(name, several)} ({counts[name]})" for name in several)
            what = f"{len(several)} {which} that differ only {how}"
            yield Issue(kind, "warning", names, what, "rename one if they are meant to be one")


def _groups(names: Iterable[str], key: Callable[[str], str]) -> list[list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[key(name)].append(name)
    return [several for several in groups.values() if len(several) > 1]


def _without_capitals(name: str) -> str:
    return " ".join(_visible(unicodedata.normalize("NFKC", name)).casefold().split())


def _as_drawn(name: str) -> str:
    return " ".join(_visible(name).translate(_LIKE).split())


def _visible(name: str) -> str:
    # ❤ and ❤️ differ in U+FE0F, which only asks for colour.
    return "".join(c for c in name if unicodedata.category(c) != "Cf" and not 0xFE00 <= ord(c) <= 0xFE0F)


def _told(name: str, several: Iterable[str]) -> str:
    """A name with the codes of what is not seen to differ from the others."""
    if any(_as_drawn(name) == _as_drawn(other) for other in several if other != name):
        return f"{name}{_codes(name)}"
    return name


def _codes(name: str) -> str:
    odd = [c for c in name if ord(c) in _LIKE or _visible(c) != c]
    told = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '')}".strip() for c in dict.fromkeys(odd))
    return f" [{told}]" if told else ""


def _of_another_script(counts: Mapping[str, int]) -> Iterator[Issue]:
    """A Cyrillic А among Latin letters, or within a Latin word: typed with another keyboard, hardly on purpose."""
    latin = [label for label in counts if label.isascii() and any(c.isalpha() for c in label)]
    among = 2 * len(latin) >= len(counts)
    for label in sorted(counts):
        meant = label.translate(_LIKE)
        within = any(c.isascii() and c.isalpha() for c in label)
        if meant != label and meant.isascii() and meant not in counts and (within or among):
            what = f"looks like {meant}, but is written{_codes(label)}"
            yield Issue("another-script", "warning", f"class {label}", what, f"rename it if {meant} is meant")


def _copies(counts: Mapping[str, int]) -> Iterator[Issue]:
    for label in sorted(counts):
        match = _COPY.fullmatch(label)
        name = match and (match["name"] or match["of"])
        if name and (name in counts or name.upper() in counts):
            what = f"called like a copy of class {name}, and a class of its own"
            yield Issue("copied-class", "warning", f"class {label}", what, f"move its pictures to {name} if it is one")
