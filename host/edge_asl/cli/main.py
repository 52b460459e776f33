"""``edge-asl``: the program on the workstation. A command parses, calls one function, prints."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asl.cli import devices, keys
from edge_asl_device.errors import EdgeAslError

app = typer.Typer(
    help="From a folder of pictures of hand signs to a verified bundle that a Raspberry Pi runs.",
    no_args_is_help=True,
    add_completion=False,
    # Plain help comes three times faster than one in boxes, and reads the same in a file.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(
    help="Look at a folder of pictures before training.", no_args_is_help=True, rich_markup_mode=None
)
synth_app = typer.Typer(
    help="Draw hands for trying things out; no training data for people.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(synth_app, name="synth")

DataOption = Annotated[
    Path, typer.Option("--data", help="Folder of labelled pictures (or a CSV file).", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
LayoutOption = Annotated[str, typer.Option(help="auto, folders, flat, csv or yolo.")]


class Part(StrEnum):
    """Which pictures ``evaluate`` looks at."""

    auto = "auto"
    all = "all"
    train = "train"
    validation = "validation"
    test = "test"


class Target(StrEnum):
    """What ``inspect`` looks at the model for."""

    cpu = "cpu"
    edgetpu = "edgetpu"


_MENDABLE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "choose another place",
    errno.ENOTDIR: "a file lies where a folder should; choose another path",
    errno.EISDIR: "a folder lies where a file should; choose another path",
    errno.ENOENT: "check the path",
}


def main() -> None:
    """Run one command; an ``EdgeAslError`` becomes one line on stderr and exit status 1."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: locks, connections and temporary folders go
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        app()
    except EdgeAslError as error:
        sys.stderr.write(f"edge-asl: {error}\n")
        raise SystemExit(1) from None
    except OSError as error:
        # A full disk, a missing permission, a file where a folder should be are no bugs; other errors are.
        if error.errno not in _MENDABLE:
            raise
        where = error.filename2 or error.filename or "disk"
        sys.stderr.write(
            f"edge-asl: {where}: expected to read or write, found: {error.strerror}; {_MENDABLE[error.errno]}\n"
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("edge-asl: stopped; the same command goes on where it was\n")
        raise SystemExit(130) from None


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from edge_asl import __version__

        typer.echo(f"edge-asl {__version__}")
        raise typer.Exit


@app.command()
def build(
    data: DataOption,
    recipe: Annotated[str, typer.Option(help="A shipped recipe (edge-asl recipes lists them) or a .toml file.")],
    weights: Annotated[
        str, typer.Option(help="Pretrained weights: imagenet (downloaded), a file, or none.")
    ] = "imagenet",
    out: Annotated[Path | None, typer.Option(help="Bundle folder; default: models/RECIPE.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Override the recipe: --set training.epochs=5.", metavar="KEY=VALUE", show_default=False
        ),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Use this split.json instead of making one.", show_default=False)
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(help="Fail below this accuracy of the int8 model, 0 to 1.", min=0, max=1, show_default=False),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="The bundle's version, dotted numbers; default: the date.", show_default=False),
    ] = None,
    calibration: Annotated[Path, typer.Option(help="Where the calibration pictures are kept.")] = Path(
        "calibration_data"
    ),
    json: JsonOption = False,
) -> None:
    """Train, quantize, evaluate and write a bundle.

    Killed at any moment, the same command goes on where it was; a second run does only what changed.
    """
    from edge_asl.pipeline.build import build as run
    from edge_asl.pipeline.context import Request
    from edge_asl.progress import console
    from edge_asl.recipes.recipe import load_recipe

    loaded = load_recipe(recipe, settings or ())
    target = out or Path("models") / Path(recipe).stem
    request = Request(data, recipe, loaded, weights, target, calibration, split, min_accuracy, version)
    evaluation = run(request, console())
    _print_evaluation(evaluation, json)
    if not json:
        typer.echo(f"bundle: {target}\nreport: {target / 'report.html'}")


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder.", show_default=False)],
    data: DataOption,
    part: Annotated[
        Part,
        typer.Option(
            "--split",
            help="Which pictures; auto: the test part of the data it was built from, all of others.",
        ),
    ] = Part.auto,
    layout: LayoutOption = "auto",
    report: Annotated[Path | None, typer.Option(help="Also write an HTML report here.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """Measure a bundle on labelled pictures."""
    from edge_asl.evaluation.run import evaluate_bundle
    from edge_asl.progress import console

    _print_evaluation(evaluate_bundle(bundle, data, part.value, layout, report, console()), json)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="A bundle folder or a .tflite file.", show_default=False)],
    target: Annotated[Target, typer.Option(help="edgetpu: also which operators its compiler would map.")] = Target.cpu,
    json: JsonOption = False,
) -> None:
    """Show operators, tensors, size, arithmetic and the smallest runtime of a model."""
    from edge_asl.tflite.edgetpu import edgetpu_mapping, format_mapping
    from edge_asl.tflite.inspect import format_facts, inspect_path, model_of

    facts = inspect_path(model)
    mapping = edgetpu_mapping(model_of(model)) if target is Target.edgetpu else None
    if json:
        _print_json(facts if mapping is None else {"model": facts, "edgetpu": mapping})
        return
    typer.echo(format_facts(facts))
    if mapping is not None:
        typer.echo(f"\n{format_mapping(mapping)}")


@app.command("compile-edgetpu")
def compile_edgetpu(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder.", show_default=False)], json: JsonOption = False
) -> None:
    """Add model_edgetpu.tflite to a bundle with Coral's edgetpu_compiler."""
    from edge_asl.tflite.edgetpu import compile_edgetpu as run
    from edge_asl.tflite.edgetpu import format_compilation

    report = run(bundle)
    if json:
        _print_json(report)
    else:
        typer.echo(format_compilation(report))


@app.command()
def demo(
    word: Annotated[
        str, typer.Option(help="What the drawn hand spells; J and Z move, the demo's model cannot read them.")
    ] = "HELLO",
    out: Annotated[
        Path, typer.Option(help="Folder for pictures, bundle and film; used again when it is there.")
    ] = Path("out/demo"),
    json: JsonOption = False,
) -> None:
    """Show the whole way with drawn hands.

    Draws pictures, builds a bundle from them, films a hand spelling a word, and lets the device program read it.
    """
    from edge_asl.pipeline.demo import demo as run
    from edge_asl.progress import console

    result = run(out, word, console())
    if json:
        _print_json(result)
    else:
        typer.echo(f"accuracy on drawn people never seen: {result.accuracy:.1%}")
        typer.echo(f"spelled in {result.film}: {result.word}\nread by edge-asl-device: {result.read}")
        typer.echo(f"report: {result.report}")
    if result.read != result.word:
        raise typer.Exit(1)


@app.command()
def recipes(json: JsonOption = False) -> None:
    """List the recipes that ship with the package."""
    from edge_asl.recipes.recipe import load_recipe, recipe_names

    loaded = {name: load_recipe(name) for name in recipe_names()}
    if json:
        _print_json(loaded)
        return
    for name, recipe in loaded.items():
        typer.echo(f"{name:<16}{recipe.description}")


@data_app.command("check")
def data_check(
    folder: Annotated[Path, typer.Argument(help="Folder of labelled pictures (or a CSV file).", show_default=False)],
    layout: LayoutOption = "auto",
    signer_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression on the path; its first group names the person.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find what is wrong with a folder of pictures, and say how to mend it."""
    from edge_asl.datasets.check import check_dataset, format_report
    from edge_asl.progress import console

    progress = console()
    with progress.task("checked", 0) as advance:
        report = check_dataset(folder, layout, signer_pattern=signer_pattern, progress=_counting(advance))
    if json:
        _print_json(report)
    else:
        typer.echo(format_report(report))
    if any(finding.severity == "error" for finding in report.findings):
        raise typer.Exit(1)


@synth_app.command("pictures")
def synth_pictures(
    folder: Annotated[Path, typer.Argument(help="New folder to write.", show_default=False)],
    signs: Annotated[str, typer.Option(help="letters, digits, all, or signs joined by commas.")] = "letters",
    count: Annotated[int, typer.Option(help="Pictures per sign.", min=1)] = 200,
    size: Annotated[int, typer.Option(help="Side in pixels.", min=32, max=1024)] = 96,
    people: Annotated[int, typer.Option(help="How many invented people.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Another seed, other pictures.", min=0)] = 0,
) -> None:
    """Draw labelled pictures of hand signs, with signers.csv."""
    from edge_asl.datasets.synthetic import write_pictures
    from edge_asl.datasets.synthetic.choice import choose_signs
    from edge_asl.progress import console

    chosen = choose_signs(signs)
    with console().task("drawn", len(chosen) * count) as advance:
        write_pictures(folder, chosen, count, size, seed, people, _counting(advance))
    typer.echo(folder)


@synth_app.command("film")
def synth_film(
    path: Annotated[Path, typer.Argument(help="New .mp4 file.", show_default=False)],
    text: Annotated[str, typer.Argument(help="What the hand spells: letters, digits and spaces.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed, another hand.", min=0)] = 0,
    letters_per_minute: Annotated[float, typer.Option(help="How fast.", min=10, max=200)] = 60,
) -> None:
    """Film a drawn hand spelling a text."""
    from edge_asl.datasets.synthetic import write_film
    from edge_asl.progress import console

    with console().task("frames", 0) as advance:
        write_film(path, text, seed=seed, letters_per_minute=letters_per_minute, progress=_counting(advance))
    typer.echo(path)


def _counting(advance: Any) -> Callable[[int, int], None]:
    return lambda done, total: advance(done, total=total)


def _print_json(value: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


def _print_evaluation(evaluation: Any, json: bool) -> None:
    if json:
        _print_json(evaluation)
        return
    from edge_asl.evaluation.text import format_evaluation

    typer.echo(format_evaluation(evaluation))


for commands in (devices, keys):
    commands.register(app)
