"""Leaving each person out in turn where that means a whole training each time: recipes that see a square."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.split_files import write_split
from edge_asl.datasets.splits import make_split
from edge_asl.datasets.types import Picture, Split
from edge_asl.errors import DataError
from edge_asl.evaluation.kept import chosen_rows, joined, keep_predictions, kept_predictions
from edge_asl.evaluation.metrics import Evaluation, Predictions
from edge_asl.evaluation.predictions import predict
from edge_asl.pipeline.bundle import SPLIT
from edge_asl.pipeline.context import BuildContext, BuildRequest
from edge_asl.pipeline.models import FLOAT_PROBABILITIES
from edge_asl.pipeline.people import folds_of
from edge_asl.pipeline.square_models import weights_of
from edge_asl.progress import Progress
from edge_asl.recipes.recipe import digest_of
from edge_asl.training.checkpoint import unheard

Build = Callable[[BuildRequest, Progress], Evaluation]
ONE_BY_ONE = 100
"""With more people than this, some are left out together."""
_VALIDATION = 0.1


def leave_out_each(context: BuildContext, build: Build) -> Predictions:
    """What models that were trained without each person say of this person, in the order of the data set.

    Raises:
        DataError: fewer than three people are named.
    """
    pictures = context.dataset.pictures
    if len({picture.signer for picture in pictures} - {None}) < 3 or any(p.signer is None for p in pictures):
        raise DataError(
            f"{context.dataset.name}: --leave-one-out needs three people or more, and a name for each picture's; "
            "name them in signers.csv, or give a --data folder for each"
        )
    folds = folds_of(pictures, ONE_BY_ONE, context.request.recipe.training.seed)
    answers: list[Predictions] = []
    rows: list[NDArray[np.int64]] = []
    for fold in range(int(folds.max()) + 1):
        rows.append(np.flatnonzero(folds == fold))
        answers.append(_without(context, [pictures[row] for row in rows[-1]], fold, int(folds.max()) + 1, build))
    return chosen_rows(joined(answers), np.argsort(np.concatenate(rows)).tolist())


def _without(context: BuildContext, left: list[Picture], fold: int, folds: int, build: Build) -> Predictions:
    """Train a model without the people of ``left`` and have it read them, or take what is kept of it."""
    folder = context.path("left-out")
    kept = folder / f"{fold}.npz"
    request, paths = context.request, [picture.path for picture in left]
    digest = digest_of(context.base_digest, request.recipe, weights_of(context), paths)
    who = ", ".join(sorted({str(picture.signer) for picture in left}))

    def make() -> None:
        folder.mkdir(exist_ok=True)
        started = time.monotonic()
        split = folder / SPLIT
        write_split(split, _split(context, paths))
        out = folder / "bundle"
        own = request._replace(
            out=out,
            calibration=folder / "calibration",
            split_file=split,
            min_accuracy=None,
            version=None,
            leave_one_out=False,
            listener=unheard,
        )
        build(own, context.progress)
        predictions = predict(out, context.dataset, left, context.progress)
        plain = np.load(own.work / FLOAT_PROBABILITIES)
        keep_predictions(kept, context.dataset, left, predictions._replace(probabilities_float=plain))
        minutes = (folds - fold - 1) * (time.monotonic() - started) / 60
        context.progress.say(f"  {fold + 1} of {folds} left out; the others take about {minutes:.0f} minutes")

    context.cache.run(f"without {who}", digest, [kept], make)
    return kept_predictions(kept, context.dataset)[1]


def _split(context: BuildContext, left: Sequence[str]) -> Split:
    """The people of ``left`` are the test; of the others, some choose the best epoch."""
    out = set(left)
    rest = context.dataset._replace(pictures=tuple(p for p in context.dataset.pictures if p.path not in out))
    seed = context.request.recipe.training.seed
    share = context.request.recipe.data.validation or _VALIDATION
    split = make_split(rest, by="signer", seed=seed, validation=share, test=0)
    return split._replace(parts={**split.parts, "test": tuple(sorted(left))})
