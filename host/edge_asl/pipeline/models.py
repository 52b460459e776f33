"""What the steps that make a bundle's models hand on to those that measure and write it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from edge_asl.evaluation.metrics import Predictions
from edge_asl.evaluation.report import DoubtedLabels
from edge_asl.pipeline.bundle import git_commit, package_versions, version_of
from edge_asl.pipeline.context import BuildContext
from edge_asl.recipes.recipe import digest_of
from edge_asl.training.training_file import TrainingFile
from edge_asl_device.contract.manifest import Manifest, Metrics, Provenance

HISTORY = "history.json"
FLOAT_PROBABILITIES = "float-test.npy"
"""float32 (pictures, classes): what the float network says of the pictures that the bundle is measured on."""


class Models(NamedTuple):
    """The models of a bundle, in the working folder."""

    digest: str
    """Of everything that they depend on."""
    files: tuple[str, ...]
    """Their files and those that belong to them, by the names that they have in the bundle."""
    predictions: Callable[[BuildContext], Predictions] | None
    """What is said of people who are left out in turn; None: there is a test part, which the bundle is measured on."""
    manifest: Callable[[BuildContext, Metrics | None], Manifest]
    """The whole manifest except the list of files, which ``write_bundle`` fills in."""
    facts: Callable[[BuildContext], dict[str, str]]
    """What the report's last table says of them."""
    training_file: Callable[[BuildContext], TrainingFile] | None = None
    """What is needed to train the bundle further elsewhere, once it is written; None: it cannot be."""
    doubts: Callable[[BuildContext], DoubtedLabels] | None = None
    """Which labels are doubted, for the report; None: nobody judges them."""
    has_float: bool = True
    """Whether a float network's probabilities lie beside them, to compare with."""


def common_fields(context: BuildContext, metrics: Metrics | None) -> dict[str, Any]:
    """The manifest's fields that every format has, but for ``decoder``."""
    request = context.request
    created = datetime.now(UTC).replace(microsecond=0)
    return {
        "name": request.out.name,
        "version": request.version or version_of(created),
        "created": created.isoformat().replace("+00:00", "Z"),
        "files": {},
        "labels": list(context.dataset.labels),
        "metrics": metrics,
        "provenance": Provenance(
            recipe=request.recipe_name,
            recipe_digest=digest_of(request.recipe),
            seed=request.recipe.training.seed,
            data_digest=context.dataset.digest,
            packages=package_versions(),
            git_commit=git_commit(Path(__file__).parent),
            public_data=context.public_data,
        ),
    }
