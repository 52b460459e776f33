"""What the user asks of a search, and what its candidates share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edge_asl.deploy.environment.platforms import AUTO
from edge_asl.deploy.target import Target
from edge_asl.pipeline.context import BuildContext
from edge_asl.progress import Progress
from edge_asl.search.candidates import Entry, Space
from edge_asl.search.studies import SharedStudy


class TuneRequest(NamedTuple):
    """What the user asked for."""

    data: Sequence[Path]
    recipe: str
    settings: Sequence[str]
    """Overrides of the recipe."""
    budget_ms: float
    target: Target
    out: Path
    space: Space = Space()
    weights: str | None = None
    """``imagenet``, ``none`` or a folder."""
    trials: int | None = None
    """At most so many candidates, of all who work on the study; None: all."""
    minutes: float | None = None
    """No further candidate is begun after that."""
    study: str | None = None
    """Where it is kept; None: in ``folder``."""
    prune: bool = True
    """Give up trainings that go worse than half of the others."""
    runtime: str = AUTO

    @property
    def folder(self) -> Path:
        """Where the study and all candidates are kept."""
        return self.out.with_name(f"{self.out.name}-tune")


class Tuning(NamedTuple):
    """What the candidates of one search share."""

    request: TuneRequest
    entries: Mapping[str, Entry]
    context: BuildContext
    """Data and split; of the first candidate."""
    shared: SharedStudy
    device: str
    progress: Progress
