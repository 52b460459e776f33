"""The commands ``evaluate`` and ``compare``: how well finished models read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asl.cli.options import (
    OUTPUTS_HELP,
    PIXELS_HELP,
    SIZE_HELP,
    DataOption,
    JsonOption,
    LayoutOption,
    Pixels,
    SignerPatternOption,
    option,
    print_json,
)
from edge_asl.errors import DataError

OnlyOption = Annotated[
    str | None,
    option("Measure pictures of these signs only: A-I,K-Y. The model answers with all it knows.", metavar="LIST"),
]


class Part(StrEnum):
    """Which part of the split ``evaluate`` and ``compare`` measure."""

    auto = "auto"
    all = "all"
    train = "train"
    validation = "validation"
    test = "test"


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, or a Keras model or SavedModel.", show_default=False)],
    data: DataOption,
    part: Annotated[
        Part,
        typer.Option(
            "--split",
            help="Which pictures; auto: the test part of the data the bundle was built from, or all of any other data.",
        ),
    ] = Part.auto,
    layout: LayoutOption = "auto",
    signer_pattern: SignerPatternOption = None,
    only: OnlyOption = None,
    leave_one_out: Annotated[
        bool,
        typer.Option("--leave-one-out", help="The people of the build, each read by a model trained without them."),
    ] = False,
    stress: Annotated[bool, typer.Option("--stress", help="Also measure on pictures spoilt in a dozen ways.")] = False,
    report: Annotated[Path | None, option("Also write an HTML report here.")] = None,
    labels: Annotated[str | None, option(f"Keras models: {OUTPUTS_HELP}", metavar="LIST")] = None,
    pixels: Annotated[Pixels | None, option(f"Keras models: {PIXELS_HELP}")] = None,
    size: Annotated[int | None, option(f"Keras models: {SIZE_HELP}", min=16, max=1024)] = None,
    json: JsonOption = False,
) -> None:
    """Measure a bundle on labelled pictures.

    A Keras model, a SavedModel or Teachable Machine's export is measured as it is, in floating point, on all of them.
    With it go --data, --layout, --labels, --pixels, --size and --json; the middle three say of it what edge-asl import
    asks, too.
    """
    from edge_asl.datasets.labels import choose_labels
    from edge_asl.imports.found import is_model
    from edge_asl.pipeline.evaluate import LEFT_OUT, evaluate_bundle
    from edge_asl.progress import console

    if is_model(bundle):
        from edge_asl.pipeline.imported import evaluate_model

        if part is not Part.auto or signer_pattern or only or leave_one_out or stress or report:
            raise DataError(
                f"{bundle}: a model without a bundle is measured as a whole: only --data, --layout, --labels, "
                "--pixels, --size and --json go with it"
            )
        scaling = None if pixels is None else pixels.value
        print_evaluation(evaluate_model(bundle, data, layout, console(), labels, scaling, size), json)
        return
    if labels or pixels or size:
        raise DataError(
            f"{bundle}: a bundle knows its labels, pixels and size: --labels, --pixels and --size are for Keras "
            "models; --only chooses signs"
        )
    chosen = None if only is None else choose_labels(only.split(","))
    which = LEFT_OUT if leave_one_out else part.value
    found = evaluate_bundle(
        bundle, data, which, layout, report, console(), only=chosen, stress=stress, signer_pattern=signer_pattern
    )
    print_evaluation(found, json)


def compare(
    bundles: Annotated[
        list[Path],
        typer.Argument(help="Bundle folders; the others are compared with the first.", show_default=False),
    ],
    data: DataOption,
    part: Annotated[
        Part,
        typer.Option("--split", help="Which pictures; auto: those that none of the bundles has learned from."),
    ] = Part.auto,
    layout: LayoutOption = "auto",
    signer_pattern: SignerPatternOption = None,
    only: OnlyOption = None,
    report: Annotated[Path | None, option("Also write an HTML page with plots here.")] = None,
    json: JsonOption = False,
) -> None:
    """Put bundles side by side on the same pictures.

    Says how accurate each is, whether the difference is more than chance, its size, time and calibration.
    """
    from edge_asl.datasets.labels import choose_labels
    from edge_asl.evaluation.side_by_side import format_side_by_side
    from edge_asl.pipeline.compare import compare_bundles
    from edge_asl.progress import console

    chosen = None if only is None else choose_labels(only.split(","))
    found = compare_bundles(
        bundles, data, part.value, layout, report, console(), only=chosen, signer_pattern=signer_pattern
    )
    if json:
        print_json(found)
        return
    typer.echo(format_side_by_side(found))
    if report is not None:
        typer.echo(f"report: {report}")


def print_evaluation(evaluation: Any, json: bool) -> None:
    """As text, or as one JSON object."""
    if json:
        print_json(evaluation)
        return
    from edge_asl.evaluation.text import format_evaluation

    typer.echo(format_evaluation(evaluation))
