"""``shards.json``: which pictures lie where in a folder of shards, so that one is read with a seek."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_asl.datasets.encoded import Encoded
from edge_asl.datasets.types import Picture
from edge_asl.errors import DataError
from edge_asl_device.contract.manifest import FileName, PublicData
from edge_asl_device.contract.preprocess import Box

INDEX = "shards.json"
FORMAT = 1


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One picture of a shard; the fields of ``Picture``, then where its bytes are."""

    path: str
    label: str
    signer: str | None
    block: int | None
    box: Box | None
    burst: str | None
    offset: int
    size: int
    sha256: str

    @classmethod
    def of(cls, picture: Picture, offset: int, size: int, sha256: str) -> Row:
        """A picture's; its source is the folder of shards from now on."""
        box, burst = picture.box, picture.burst
        return cls(picture.path, picture.label, picture.signer, picture.block, box, burst, offset, size, sha256)

    @property
    def picture(self) -> Picture:
        """As the reader of its folder gave it."""
        return Picture(self.path, self.label, self.signer, self.block, self.box, self.burst)


class Shard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of records."""

    file: FileName
    size: int
    sha256: str
    plan: str
    """Digest of what was to be written into it: which pictures, and their files' sizes and times."""
    rows: tuple[Row, ...]


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``shards.json``."""

    format: int = FORMAT
    pictures: int
    labels: tuple[str, ...]
    """In the order of ``image/class/label``."""
    public_data: tuple[PublicData, ...]
    """The public data sets among them."""
    shards: tuple[Shard, ...]

    @property
    def plans(self) -> list[str]:
        """Stands for all that was to be written."""
        return [shard.plan for shard in self.shards]


def is_sharded(root: Path) -> bool:
    """Whether a folder holds shards, with their index or without."""
    return root.is_dir() and ((root / INDEX).is_file() or any(root.glob("*.tfrecord*")))


def read_index(root: Path) -> Index:
    """Read ``shards.json``; every shard must be there in its full size.

    Raises:
        DataError: it is missing or no index, or a shard is missing or truncated.
    """
    path = root / INDEX
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: missing; shards without it cannot be read: write them with edge-asl data shard"
        ) from error
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}; write the shards again") from error
    for shard in index.shards:
        file = root / shard.file
        found = file.stat().st_size if file.is_file() else None
        if found != shard.size:
            what = "none" if found is None else f"{found:,}"
            raise DataError(f"{file}: expected {shard.size:,} bytes, found {what}; copy or write the shards again")
    return index


def encoded_of(root: Path, shard: Shard, row: Row) -> Encoded:
    """Where a picture's bytes are."""
    return Encoded(f"{root}/{shard.file}", row.offset, row.size, row.sha256)
