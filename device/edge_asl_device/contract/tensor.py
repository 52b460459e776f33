"""What goes into a model and comes out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct


class Tensor(Struct, frozen=True, forbid_unknown_fields=True):
    """One int8 tensor of a model: value = scale × (number − zero point)."""

    shape: Annotated[tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...], Meta(min_length=1, max_length=8)]
    scale: Annotated[float, Meta(gt=0.0)]
    zero_point: Annotated[int, Meta(ge=-128, le=127)]


class ModelSpec(NamedTuple):
    """One model of a bundle: its file, and what goes in and comes out, in the model's own order."""

    path: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
