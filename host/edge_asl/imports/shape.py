"""What a network from elsewhere takes and gives, as a file remembers it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Ending = Literal["softmax", "logits", "sigmoid", "two"]


class Shape(Struct, frozen=True):
    """Of a classifier of single pictures."""

    height: int
    width: int
    channels: Literal[1, 3]
    channels_first: bool
    classes: int
    ending: Ending
    """What it ends with. ``softmax``: probabilities; ``logits``: what comes before these; ``sigmoid``: a probability of
    each class by itself; ``two``: that of the second of two classes, in one output."""
    rescales: bool
    """It takes pixels from 0 to 255 and scales them by itself."""

    @property
    def in_words(self) -> str:
        """``224×224 RGB, 4 classes``."""
        return f"{self.width}×{self.height} {'RGB' if self.channels == 3 else 'grey'}, {self.classes} classes"
