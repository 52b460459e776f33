"""Who shows the sign: read from ``signers.csv`` or matched in the path."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_asl.datasets.labels import normalise_label
from edge_asl.datasets.listing import Issue, Listing, Severity
from edge_asl.datasets.texts import read_text
from edge_asl.errors import DataError

SIGNERS = "signers.csv"
_COLUMNS = ["file", "label", "signer"]
# edge-asl-device capture also writes the session; a person is the same person in all of them.
_WITH_SESSION = [*_COLUMNS, "session"]


MOST_UNMATCHED, SHARE_UNMATCHED = 5, 0.1
"""With more rows than both that name no picture, a table is taken to be wrong."""

# Explorer hides the .txt of signers.csv.txt; Excel offers .xlsx first.
_TABLE = re.compile(r"signers?\b.*\.(?:csv|tsv|txt|xlsx?|ods|numbers)", re.IGNORECASE)

# What a spreadsheet writes for a formula or in place of its value; and a name goes on over a line's end only where
# a quote is not closed.
_NO_NAME = re.compile(r"^=|^#(?:NAME\?|REF!|N/A|VALUE!|DIV/0!|NULL!|NUM!)$|[\r\n]")

_SITTING = re.compile(r"(?P<person>.+)-\d+")


def person_of(folder: str) -> str:
    """Whose pictures a folder named after a person holds: ``ann-1``, ``ann-2`` are sittings of ``ann``."""
    name = unicodedata.normalize("NFC", folder)
    match = _SITTING.fullmatch(name)
    return match["person"] if match else name


def assign_signers(listing: Listing, root: Path, pattern: re.Pattern[str] | None) -> Listing:
    """Give each picture its signer: what ``pattern`` captures, else what ``signers.csv`` or its folder says, else None.

    Raises:
        DataError: the file is invalid.
    """
    known = _from_table(listing, root / SIGNERS) if (root / SIGNERS).is_file() else {}
    if pattern is not None:
        known |= _from_pattern(listing, pattern)
    named = [picture._replace(signer=known.get(picture.path, picture.signer)) for picture in listing.pictures]
    return listing._replace(pictures=named)


def other_tables(names: Iterable[str], prefix: str) -> Iterator[Issue]:
    """Files that look like ``signers.csv`` and are not read, as they are called otherwise or lie in ``prefix``."""
    for name in names:
        if _TABLE.fullmatch(name) and (prefix or name != SIGNERS):
            what = f"people are read only from {SIGNERS} in the data folder itself; skipped"
            yield Issue("signers-elsewhere", "warning", prefix + name, what, "save it there, as that")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A signer pattern as a regular expression.

    Raises:
        DataError: it is none, or has no group.
    """
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise DataError(f"signer pattern {pattern!r}: not a regular expression: {error}") from error
    if not regex.groups:
        raise DataError(
            f"signer pattern {pattern!r}: has no group to capture the person; for example '^(?P<signer>[^/]+)/'"
        )
    return regex


def _from_pattern(listing: Listing, pattern: re.Pattern[str]) -> dict[str, str]:
    group: str | int = "signer" if "signer" in pattern.groupindex else 1
    matches = ((p.path, pattern.search(unicodedata.normalize("NFC", p.path))) for p in listing.pictures)
    return {path: match[group] for path, match in matches if match and match[group]}


def _from_table(listing: Listing, table: Path) -> dict[str, str]:
    labels = {picture.path: picture.label for picture in listing.pictures}
    spelled = {_plain(path): path for path in labels}
    known: dict[str, str] = {}
    unmatched: list[tuple[str, str]] = []
    rows = _rows(table)
    for line, (file, label, signer) in rows:
        where = f"{SIGNERS}:{line}"
        path = file if file in labels else spelled.get(_plain(file))
        if path is None:
            unmatched.append((where, file))
        elif normalise_label(label, f"{table}:{line}") != labels[path]:
            what = f"{file} is {labels[path]} by its folder, but {label} here"
            _note(listing, "signers", "error", where, what)
        elif known.setdefault(path, signer) != signer:
            _note(listing, "signers", "error", where, f"two people are named for {file}")
        elif not signer:
            _note(listing, "unknown-person", "warning", path, f"no person stands in {SIGNERS}: person unknown")
    _report_unmatched(listing, unmatched, len(rows))
    for path in sorted(labels.keys() - known.keys()):
        _note(listing, "unknown-person", "warning", path, f"not in {SIGNERS}: person unknown")
    return {path: unicodedata.normalize("NFC", signer) for path, signer in known.items() if signer}


def _plain(path: str) -> str:
    """A path however it was spelled: macOS decomposes letters, Windows writes ``\\``, some programs ``./`` before."""
    return unicodedata.normalize("NFC", path).replace("\\", "/").removeprefix("./")


def _report_unmatched(listing: Listing, unmatched: list[tuple[str, str]], rows: int) -> None:
    """Few rows without a picture are pictures that were removed; many, that the table means other paths."""
    many = 2 * len(unmatched) >= rows or len(unmatched) > max(MOST_UNMATCHED, SHARE_UNMATCHED * rows)
    if unmatched and many:
        has = listing.pictures[0].path if listing.pictures else "none"
        what = f"{len(unmatched)} of {rows} rows name no picture, such as {unmatched[0][1]}; there is {has}"
        _note(listing, "signers", "error", unmatched[0][0], what)
        return
    for where, file in unmatched:
        _note(listing, "signers", "warning", where, f"there is no picture {file}")


def _note(listing: Listing, kind: str, severity: Severity, path: str, what: str) -> None:
    listing.issues.append(Issue(kind, severity, path, what, f"correct {SIGNERS}"))


def _rows(table: Path) -> list[tuple[int, list[str]]]:
    """The lines that say something, each with its number."""
    try:
        reader = csv.reader(io.StringIO(read_text(table), newline=""), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{table}: cannot be read as {','.join(_COLUMNS)}: {error}; look for a quote that is not closed"
        ) from error
    header = [name.lower() for name in rows[0][1]] if rows else []
    if header not in (_COLUMNS, _WITH_SESSION):
        raise DataError(
            f"{table}:1: expected the header {','.join(_COLUMNS)}, with commas between, found {','.join(header)!r}; "
            "write it so"
        )
    # Excel writes ,, for an empty row.
    said = [(line, row) for line, row in rows[1:] if any(row)]
    for line, row in said:
        if len(row) != len(header):
            raise DataError(f"{table}:{line}: expected {','.join(header)}, found {','.join(row)!r}; correct the line")
        if odd := next((cell for cell in row if _NO_NAME.search(cell)), None):
            raise DataError(f"{table}:{line}: expected text, found {odd!r}; correct the line")
    return [(line, row[: len(_COLUMNS)]) for line, row in said]
