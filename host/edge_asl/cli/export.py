"""``edge-asl export``: the command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_asl.cli.options import BundleArgument, JsonOption, LayoutOption, SignerPatternOption, option, print_json


def export(
    bundle: BundleArgument,
    out: Annotated[Path, option("Folder to write.", "--out")],
    data: Annotated[
        list[Path] | None,
        option(
            "The data that the bundle was built from: also writes the split and the scores.", "--data", metavar="DIR"
        ),
    ] = None,
    layout: LayoutOption = "auto",
    signer_pattern: SignerPatternOption = None,
    json: JsonOption = False,
) -> None:
    """Write the float network as Keras reads it.

    With --data also the split as .npy, accuracy_score and the confusion matrix.
    """
    from edge_asl.pipeline.export import export_bundle
    from edge_asl.progress import console

    found = export_bundle(bundle, data or [], layout, out, console(), signer_pattern=signer_pattern)
    if json:
        print_json(found._asdict() | {"folder": str(out)})
        return
    typer.echo(f"{out}: {', '.join(found.files)}")
    if found.accuracy_score is not None:
        typer.echo(f"accuracy_score {found.accuracy_score:.4f}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)
