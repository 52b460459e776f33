"""The command ``tune``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edge_asl.cli.options import (
    DataOption,
    JsonOption,
    ModeOption,
    RootOption,
    RuntimeName,
    RuntimeOption,
    SshConfigOption,
    option,
    parsed_target,
    print_json,
)
from edge_asl.errors import RecipeError

_Number = TypeVar("_Number", int, float)

STUDY_HELP = (
    "Where the study is kept, for several workstations at once: a journal file (….journal) on a shared disk, or a "
    "database (postgresql://…). Default: OUT-tune/study.db, SQLite."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tune)


def tune(
    data: DataOption,
    budget_ms: Annotated[
        float,
        typer.Option(help="Longest median time from a frame to probabilities, in milliseconds.", min=0.001),
    ],
    on: Annotated[str, typer.Option(help="Time the models on this device: pi@kiosk-1, or local:FOLDER.")],
    recipe: Annotated[
        str, typer.Option(help="Everything that is not searched, by name or as a .toml file.")
    ] = "digits-mobilenet",
    weights: Annotated[
        str | None,
        option("Pretrained weights: imagenet (downloaded), a folder of files BACKBONE_WIDTH_….h5, or none."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Bundle folder of the best; the rest goes to OUT-tune.")] = Path(
        "models/tuned"
    ),
    backbones: Annotated[
        str | None, option("Only these. Default: mobilenet,mobilenet_v2,mobilenet_v3_small.", metavar="LIST")
    ] = None,
    widths: Annotated[
        str | None, option("Only these. Default: those with ImageNet weights, to 1.", metavar="LIST")
    ] = None,
    sizes: Annotated[str | None, option("Picture sizes in pixels. Default: 96,128,160,224.", metavar="LIST")] = None,
    trials: Annotated[
        int | None, option("Try at most so many candidates, everybody together. Default: all.", min=1)
    ] = None,
    minutes: Annotated[float | None, option("Begin no candidate after so many minutes.", min=0.0)] = None,
    study: Annotated[str | None, option(STUDY_HELP, metavar="FILE|URL")] = None,
    every_epoch: Annotated[
        bool, typer.Option("--no-prune", help="Train every candidate that fits to its end, however badly it goes.")
    ] = False,
    settings: Annotated[
        list[str] | None, option("Override the recipe: --set training.epochs=5.", "--set", metavar="KEY=VALUE")
    ] = None,
    runtime: RuntimeOption = RuntimeName.auto,
    mode: ModeOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find the most accurate model that a device runs within a time budget: backbone, width and picture size.

    Each candidate's untrained int8 model is timed on the device first; what takes longer is not trained. If it is
    interrupted, the same command goes on.
    """
    from edge_asl.progress import console
    from edge_asl.search.candidates import Space
    from edge_asl.search.outcome import format_tuned
    from edge_asl.search.request import TuneRequest
    from edge_asl.search.tune import tune as run

    space = Space(
        None if backbones is None else [word.strip() for word in backbones.split(",")],
        None if widths is None else [_number("--widths", word, float) for word in widths.split(",")],
        None if sizes is None else [_number("--sizes", word, int) for word in sizes.split(",")],
    )
    target = parsed_target(on, mode, root, ssh_config)
    request = TuneRequest(
        data, recipe, settings or (), budget_ms, target, out, space, weights, trials, minutes, study, not every_epoch,
        runtime.value,
    )  # fmt: skip
    found = run(request, console())
    if json:
        print_json(found)
    else:
        typer.echo(format_tuned(found))


def _number(name: str, word: str, kind: Callable[[str], _Number]) -> _Number:
    try:
        return kind(word)
    except ValueError as error:
        example = "96,128" if kind is int else "0.35,1"
        raise RecipeError(f"{name}: expected numbers such as {example}, found {word.strip()!r}") from error
