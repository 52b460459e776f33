"""``edge-asl import``: a model from elsewhere becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.options import (
    OUTPUTS_HELP,
    PIXELS_HELP,
    SIZE_HELP,
    JsonOption,
    LayoutOption,
    Pixels,
    option,
    print_json,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)


def import_(
    model: Annotated[
        Path,
        typer.Argument(
            help="A .keras or .h5 file, a SavedModel folder, or Teachable Machine's .zip or folder.", show_default=False
        ),
    ],
    data: Annotated[
        list[Path], option("Folder of labelled pictures of its signs; repeat it for several.", "--data", metavar="DIR")
    ],
    out: Annotated[Path | None, option("Bundle folder; default: models/ and the model's name.")] = None,
    labels: Annotated[str | None, option(OUTPUTS_HELP, metavar="LIST")] = None,
    pixels: Annotated[Pixels | None, option(PIXELS_HELP)] = None,
    size: Annotated[int | None, option(SIZE_HELP, min=16, max=1024)] = None,
    layout: LayoutOption = "auto",
    every_picture: Annotated[
        bool, typer.Option("--every-picture", help="Measure on all pictures, not only on those in a test folder.")
    ] = False,
    min_accuracy: Annotated[
        float | None, option("Fail below this accuracy of the int8 model, 0 to 1.", min=0, max=1)
    ] = None,
    version: Annotated[str | None, option("The bundle's version, dotted numbers; default: the date.")] = None,
    without_pictures: Annotated[
        bool,
        option("For a bundle to be published: the report, which shows pictures, stays outside.", "--without-pictures"),
    ] = False,
    calibration: Annotated[Path, typer.Option(help="Folder for the calibration pictures.")] = Path("calibration_data"),
    json: JsonOption = False,
) -> None:
    """Make a bundle of a model that was trained elsewhere: quantize and measure it with your pictures.

    Nothing is trained, and no code from the model's file is run.
    """
    from edge_asl.evaluation.text import format_evaluation
    from edge_asl.pipeline.import_context import ImportRequest
    from edge_asl.pipeline.imported import import_model
    from edge_asl.progress import console

    bundle = out or Path("models") / (model.absolute().name.partition(".")[0] or "imported")
    request = ImportRequest(
        model, data, bundle, calibration, labels, None if pixels is None else pixels.value, size, layout,
        every_picture, min_accuracy, version, without_pictures,
    )  # fmt: skip
    found = import_model(request, console())
    if json:
        print_json(found)
        return
    report = (request.as_build.work if without_pictures else bundle) / "report.html"
    typer.echo(f"{format_evaluation(found)}\nbundle: {bundle}\nreport: {report}")
