"""The folder that captured pictures go to, which ``edge-asl data check`` and ``build`` read.

    FOLDER/A/anna-20261124T120000-0001.jpg
    FOLDER/signers.csv                          file,label,signer,session

Its row is on the disk before a picture is, so that after a power cut every picture has one.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from io import FileIO
from pathlib import Path

from edge_asl_device.errors import EdgeAslError
from edge_asl_device.files import write_atomically

TABLE = "signers.csv"
HEADER = ("file", "label", "signer", "session")
LONGEST_NAME = 40
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,40}")


def safe_name(given: str) -> str:
    """A name for files: the given one if it can be, else one made of its letters and a number that is always the same,
    so that two people whose names look alike then stay two.

    Raises:
        ValueError: nothing was given.
    """
    if _SAFE.fullmatch(given):
        return given
    if not given.strip():
        raise ValueError("expected a name, found nothing")
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[: LONGEST_NAME - 9]
    number = hashlib.sha256(unicodedata.normalize("NFC", given).encode()).hexdigest()[:8]
    return f"{words}-{number}" if words else number


class PictureFolder:
    """One person's pictures of one session, added to what is there.

    Args:
        folder: made if it is missing; never a link, nor anything written in it through one.
        person: a safe name.
        session: a safe name.

    Raises:
        EdgeAslError: it cannot be written to, is a link, or has another table.
    """

    def __init__(self, folder: Path, person: str, session: str) -> None:
        self._folder, self._person, self._session = folder, person, session
        self._stored: list[tuple[str, str]] = []
        self._numbers: dict[str, int] = {}
        try:
            _refuse_link(folder)
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_link(folder / TABLE)
            self._mend()
        except OSError as error:
            raise EdgeAslError(f"{folder}: cannot be written to: {error.strerror}; choose another folder") from error

    def store(self, label: str, jpeg: bytes) -> None:
        """One picture and its row, both on the disk.

        Raises:
            OSError: no space, for instance; then neither is left behind.
        """
        number = 1 + (self._numbers[label] if label in self._numbers else self._highest(label))
        name = f"{label}/{self._person}-{self._session}-{number:04}.jpg"
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        _refuse_link(path.parent)
        table = self._folder / TABLE
        before = _append(table, _row(name, label, self._person, self._session))
        try:
            write_atomically(path, jpeg)
        except OSError:
            os.truncate(table, before)
            raise
        self._numbers[label] = number
        self._stored.append((label, name))

    def drop(self, label: str, count: int) -> int:
        """Delete the last pictures of a sign that were stored in this run; how many there were.

        Raises:
            OSError: the storage fails; pictures that are gone still have their rows.
        """
        names = [name for own, name in self._stored if own == label][-count:] if count else []
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
        if names:
            self._stored = [stored for stored in self._stored if stored[1] not in names]
            self._mend(without=names)
        return len(names)

    def _highest(self, label: str) -> int:
        """The highest number among this person's pictures of a sign in this session, from earlier runs, too."""
        names = (self._folder / label).glob(f"{self._person}-{self._session}-*.jpg")
        return max((int(n) for path in names if (n := path.stem.rpartition("-")[2]).isdecimal()), default=0)

    def _mend(self, without: Collection[str] = ()) -> None:
        """Start the table, or drop the row, or the half of one, whose picture a power cut has prevented, and the rows
        of some pictures.
        """
        table = self._folder / TABLE
        try:
            text = table.read_text("utf-8-sig") if table.exists() else ""
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise EdgeAslError(
                f"{table}: expected CSV in UTF-8, found something else ({error}); save it so, or choose another folder"
            ) from error
        if text and tuple(rows[0] if rows else ()) != HEADER:
            found = text.partition("\n")[0].strip()
            raise EdgeAslError(
                f"{table}: expected the header {','.join(HEADER)}, found {found!r}; choose another folder"
            )
        last = rows[-1] if len(rows) > 1 else None
        if last and (not text.endswith("\n") or _is_own(last)) and not (self._folder / last[0]).exists():
            rows.pop()
        kept = "".join([_row(*HEADER), *(_row(*row) for row in rows[1:] if row[0] not in without)])
        if kept != text:
            write_atomically(table, kept)


def _is_own(row: Sequence[str]) -> bool:
    """Whether it names its picture as ``store`` does."""
    return len(row) == len(HEADER) and Path(row[0]).name.startswith(f"{row[2]}-{row[3]}-")


def _row(*cells: str) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link", str(path))


def _append(table: Path, line: str) -> int:
    """Add a line, on the disk or not at all; the size before."""
    descriptor = os.open(table, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        before = file.tell()
        try:
            _write_all(file, line.encode())
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
    return before


def _write_all(file: FileIO, data: bytes) -> None:
    if file.write(data) != len(data):  # the disk had room for half a line
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
