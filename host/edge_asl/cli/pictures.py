"""The commands about pictures: ``data …``, ``synth pictures`` and ``synth film``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.data_sets import fetch, shard
from edge_asl.cli.options import DataArgument, JsonOption, LabelsOption, LayoutOption, SignerPatternOption, print_json

data_app = typer.Typer(
    help="Fetch, check and pack pictures before training.", no_args_is_help=True, rich_markup_mode=None
)
synth_app = typer.Typer(
    help="Draw hands for trials and tests; not training data for real people.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    data_app.command("fetch")(fetch)
    data_app.command("shard")(shard)
    app.add_typer(data_app, name="data")
    app.add_typer(synth_app, name="synth")


@data_app.command("check")
def data_check(
    data: DataArgument,
    layout: LayoutOption = "auto",
    labels: LabelsOption = None,
    signer_pattern: SignerPatternOption = None,
    json: JsonOption = False,
) -> None:
    """Find problems in folders of pictures, and say how to fix them."""
    from edge_asl.datasets.check import check_dataset, format_summary
    from edge_asl.datasets.labels import choose_labels
    from edge_asl.progress import console

    with console().task("checked", 0) as advance:
        chosen = None if labels is None else choose_labels(labels.split(","))
        summary = check_dataset(data, layout, signer_pattern=signer_pattern, labels=chosen, advance=advance)
    if json:
        print_json(summary)
    else:
        typer.echo(format_summary(summary))
    if summary.has_errors:
        raise typer.Exit(1)


@synth_app.command("pictures")
def synth_pictures(
    folder: Annotated[Path, typer.Argument(help="New folder to write.", show_default=False)],
    signs: Annotated[str, typer.Option(help="letters, digits, all, or signs joined by commas.")] = "letters",
    count: Annotated[int, typer.Option(help="Pictures per sign.", min=1)] = 200,
    size: Annotated[int, typer.Option(help="Side in pixels.", min=32, max=1024)] = 96,
    people: Annotated[int, typer.Option(help="Number of invented people.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="A different seed gives different pictures.", min=0)] = 0,
) -> None:
    """Draw labelled pictures of hand signs, with signers.csv."""
    from edge_asl.datasets.synthetic.pictures import parse_signs, write_pictures
    from edge_asl.progress import console

    chosen = parse_signs(signs)
    with console().task("drawn", len(chosen) * count) as advance:
        write_pictures(folder, chosen, count, size, seed, people, advance)
    typer.echo(folder)


@synth_app.command("film")
def synth_film(
    path: Annotated[Path, typer.Argument(help="New .mp4 file.", show_default=False)],
    text: Annotated[str, typer.Argument(help="What the hand spells: letters, digits and spaces.", show_default=False)],
    seed: Annotated[int, typer.Option(help="A different seed gives a different hand.", min=0)] = 0,
    letters_per_minute: Annotated[float, typer.Option(help="Spelling speed.", min=10, max=200)] = 60,
) -> None:
    """Film a drawn hand spelling a text."""
    from edge_asl.datasets.synthetic.film import write_film
    from edge_asl.progress import console

    with console().task("frames", 0) as advance:
        write_film(path, text, seed=seed, letters_per_minute=letters_per_minute, advance=advance)
    typer.echo(path)
