"""Where frames come from: one small Protocol, one module per kind of source."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Frame(NamedTuple):
    """One picture and when it was taken."""

    time_s: float
    """Seconds on a monotonic clock; a film's own time."""
    picture: NDArray[np.uint8]
    """RGB, uint8, (height, width, 3)."""


class Camera(Protocol):
    """A source of frames; a context manager that owns its device."""

    def frames(self) -> Iterator[Frame]:
        """Frames in order until the source ends."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
