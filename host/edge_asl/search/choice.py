"""Which candidate a search tries next, as Optuna's sampler suggests it from what is known."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edge_asl.search.candidates import Candidate

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

_TRIES = 50


def next_candidate(
    candidates: Mapping[str, Candidate], open_ones: Collection[str], trials: Sequence[FrozenTrial], seed: int
) -> Candidate:
    """One of ``open_ones``: what the tree-structured Parzen estimator (Bergstra et al. 2011) suggests.

    The sampler knows nothing of candidates that are taken. So it is asked in a study in memory, with what it has
    suggested already counting as under way, until it names an open one; in the end chance decides.
    """
    import optuna
    from optuna.trial import TrialState

    sampler = optuna.samplers.TPESampler(seed=seed + len(trials))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    counted = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    study.add_trials([trial for trial in trials if trial.state in counted and trial.params])
    for _ in range(_TRIES):
        found = _suggested(study.ask(), candidates.values())
        if found.name in open_ones:
            return found
    return candidates[random.Random(seed + len(trials)).choice(sorted(open_ones))]  # noqa: S311 - no secret


def record(trial: Trial, candidate: Candidate, candidates: Mapping[str, Candidate]) -> None:
    """Make ``candidate`` the trial's parameters, for the sampler and for whoever looks at the study."""
    for name, distribution in _distributions(candidate, candidates.values()).items():
        trial.suggest_categorical(name, distribution.choices)


def parameters(candidate: Candidate) -> dict[str, Any]:
    """As the study knows them. Each backbone has widths of its own."""
    width = {} if candidate.width is None else {_width_of(candidate.backbone): candidate.width}
    return {"backbone": candidate.backbone, **width, "size": candidate.size}


def _width_of(backbone: str) -> str:
    return f"width of {backbone}"


def _suggested(trial: Trial, candidates: Collection[Candidate]) -> Candidate:
    backbone = trial.suggest_categorical("backbone", _distinct(one.backbone for one in candidates))
    widths = _distinct(one.width for one in candidates if one.backbone == backbone)
    width = None if widths == [None] else trial.suggest_categorical(_width_of(backbone), widths)
    return Candidate(backbone, width, trial.suggest_categorical("size", _distinct(one.size for one in candidates)))


def _distributions(candidate: Candidate, candidates: Collection[Candidate]) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution

    found = {"backbone": CategoricalDistribution(_distinct(one.backbone for one in candidates))}
    if candidate.width is not None:
        widths = _distinct(one.width for one in candidates if one.backbone == candidate.backbone)
        found[_width_of(candidate.backbone)] = CategoricalDistribution(widths)
    return found | {"size": CategoricalDistribution(_distinct(one.size for one in candidates))}


def _distinct(values: Any) -> list[Any]:
    return list(dict.fromkeys(values))


def given(values: Mapping[str, Any]) -> Any:
    """A sampler that draws nothing: the parameters are ``values``."""
    from optuna.samplers import BaseSampler

    class Given(BaseSampler):
        def infer_relative_search_space(self, *_: object) -> dict[str, BaseDistribution]:
            return {}

        def sample_relative(self, *_: object) -> dict[str, Any]:
            return {}

        def sample_independent(self, _study: object, _trial: object, name: str, _distribution: object) -> Any:
            return values[name]

    return Given()
