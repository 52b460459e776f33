"""``edge-asl build --from``: which of the build's options it takes, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from edge_asl.cli.options import print_json
from edge_asl.errors import RecipeError

TAKES = ("data", "origin", "out", "version", "force", "json")


def improve(context: typer.Context, origin: Path, data: Sequence[Path], out: Path) -> None:
    """Improve the bundle ``origin``; the other options are the context's.

    Raises:
        RecipeError: an option was given that decides how a whole build trains.
    """
    from edge_asl.evaluation.comparison import format_improvement
    from edge_asl.evaluation.text import format_evaluation
    from edge_asl.pipeline.improvement import ImprovementRequest
    from edge_asl.pipeline.improvement import improve as run
    from edge_asl.progress import console

    if others := _given_otherwise(context):
        raise RecipeError(f"--from: trains as {origin} was trained; leave out {', '.join(others)}")
    version, force, json = (context.params[name] for name in ("version", "force", "json"))
    found = run(ImprovementRequest(origin, data, out, version, force), console())
    if json:
        print_json(found)
        return
    typer.echo(f"{format_evaluation(found.evaluation)}\n{format_improvement(found, str(origin))}")
    typer.echo(f"bundle: {out}\nreport: {out / 'report.html'}")


def _given_otherwise(context: typer.Context) -> list[str]:
    """The options on the command line that are not among ``TAKES``."""
    options = {str(option.name): option.opts[0] for option in context.command.params}
    sources = {name: context.get_parameter_source(name) for name in options.keys() - set(TAKES)}
    return sorted(options[name] for name, source in sources.items() if source and source.name == "COMMANDLINE")
