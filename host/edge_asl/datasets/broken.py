"""Pictures that cannot be read, of many: all of them are looked for before the first is complained of."""

from __future__ import annotations

from edge_asl.datasets.types import Dataset, Frame, Picture
from edge_asl_device.errors import PictureError

NAMED = 5


class Broken:
    """Loads pictures and keeps what is said of those that cannot be read; from several threads."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._said: dict[str, PictureError] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def load(self, picture: Picture) -> Frame | None:
        """The picture, uncropped; None if it cannot be read."""
        try:
            return self._dataset.load(picture)
        except PictureError as error:
            self._said[picture.path] = error
            return None

    def complain(self) -> None:
        """Do nothing if all were read.

        Raises:
            PictureError: what is said of the first in the order of paths, and the names of others.
        """
        if not self._said:
            return
        paths = sorted(self._said)
        first = self._said[paths[0]]
        if len(paths) == 1:
            raise first
        left = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        raise PictureError(
            f"{len(paths)} pictures cannot be read: {first}; likewise {', '.join(paths[1:NAMED])}{left}; "
            "edge-asl data check says what is wrong with each"
        ) from first
