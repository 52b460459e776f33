"""A picture's encoded bytes inside a larger file."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from edge_asl_device.errors import PictureError


class Encoded(NamedTuple):
    """Where the bytes of a picture file lie."""

    file: str
    offset: int
    size: int
    sha256: str

    def read(self) -> bytes:
        """The bytes: one seek, checked.

        Raises:
            PictureError: they cannot be read, or are not those that were written.
        """
        try:
            with open(self.file, "rb", buffering=0) as file:  # noqa: PTH123 - one for every picture
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise PictureError(f"{self.file}: cannot be read: {error.strerror or error}") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise PictureError(
                f"{self.file}: damaged in its {self.size} bytes from {self.offset}; write the shards again"
            )
        return data
