"""``edge-asl``: the program on the workstation. A command parses, calls one function, prints."""

from __future__ import annotations

import errno
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

from edge_asl.cli import deploy, devices, export, imports, keys, pictures, tune
from edge_asl.cli.improve import improve
from edge_asl.cli.measure import compare, evaluate, print_evaluation
from edge_asl.cli.options import BundleArgument, DataOption, JsonOption, LabelsOption, LayoutOption, option, print_json
from edge_asl.cli.terminal import prepare_terminal
from edge_asl_device.errors import EdgeAslError, visible

app = typer.Typer(
    help="From a folder of pictures of hand signs to a verified bundle that a Raspberry Pi runs.",
    no_args_is_help=True,
    # Plain help comes three times faster than one in boxes, and reads the same in a file.
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
LeaveOneOutOption = Annotated[
    bool,
    typer.Option("--leave-one-out", help="Read each person with a model that was trained without this person."),
]


class HandVariant(StrEnum):
    """Which of Google's two sizes."""

    full = "full"
    lite = "lite"


_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose another path",
    errno.ENOTDIR: "there is a file where a folder is needed; choose another path",
    errno.EISDIR: "there is a folder where a file is needed; choose another path",
    errno.ENOENT: "check the path",
}


_STOPPED = 130
"""The exit status of what Ctrl-C ended, as shells have it."""


def main() -> None:
    """Run one command; an ``EdgeAslError`` becomes one line on stderr and exit status 1."""
    prepare_terminal()
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C: locks, connections and temporary folders are released
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    _leave_out_all_but(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except EdgeAslError as error:
        sys.stderr.write(f"edge-asl: {visible(str(error))}\n")
        raise SystemExit(1) from None
    except OSError as error:
        # A full disk, a missing permission, a file where a folder should be are not bugs; other errors are.
        if error.errno not in _REMEDIES:
            raise
        path = error.filename2 or error.filename or "disk"
        sys.stderr.write(f"edge-asl: {visible(str(path))}: {error.strerror}; {_REMEDIES[error.errno]}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        _say_stopped()
        raise SystemExit(_STOPPED) from None
    except SystemExit as end:
        if end.code == _STOPPED:  # Typer makes this of a KeyboardInterrupt, without a word
            _say_stopped()
        raise


def _say_stopped() -> None:
    sys.stderr.write("edge-asl: stopped; run the same command again to continue\n")


def _leave_out_all_but(name: str) -> None:
    """Typer evaluates the annotations of every command that it knows: a third of what starting would take."""
    commands = [one for one in app.registered_commands if _name_of(one) == name]
    groups = [one for one in app.registered_groups if one.name == name]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups


def _name_of(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from edge_asl import __version__

        typer.echo(f"edge-asl {__version__}")
        raise typer.Exit


@app.command()
def build(
    context: typer.Context,
    data: DataOption,
    recipe: Annotated[str | None, option("A recipe by name (edge-asl recipes lists them) or a .toml file.")] = None,
    origin: Annotated[
        Path | None,
        option(
            "Instead of a recipe: improve this bundle with pictures from where it is used. Only --data, --out, "
            "--version, --force and --json go with it.",
            "--from",
            metavar="BUNDLE",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        option("Pretrained weights: imagenet (downloaded), a file, or none. Default: imagenet, where there are such."),
    ] = None,
    out: Annotated[Path | None, option("Bundle folder; default: models/RECIPE, or BUNDLE-site with --from.")] = None,
    labels: LabelsOption = None,
    landmarks: Annotated[
        list[Path] | None,
        option("Hands without pictures (.npz), to train by shape with.", "--landmarks", metavar="FILE"),
    ] = None,
    without_pictures: Annotated[
        bool,
        option("For a bundle to be published: the report, which shows pictures, stays outside.", "--without-pictures"),
    ] = False,
    settings: Annotated[
        list[str] | None, option("Override the recipe: --set training.epochs=5.", "--set", metavar="KEY=VALUE")
    ] = None,
    scale: Annotated[
        int,
        option("On so many GPUs or workers: that many times the recipe's batch and learning rate.", min=1),
    ] = 1,
    split: Annotated[Path | None, option("Use this split.json instead of making one.")] = None,
    min_accuracy: Annotated[
        float | None, option("Fail below this accuracy of the int8 model, 0 to 1.", min=0, max=1)
    ] = None,
    leave_one_out: LeaveOneOutOption = False,
    version: Annotated[str | None, option("The bundle's version, dotted numbers; default: the date.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --from: write the bundle even if it reads anybody worse.")
    ] = False,
    calibration: Annotated[Path, typer.Option(help="Folder for the calibration pictures.")] = Path("calibration_data"),
    json: JsonOption = False,
) -> None:
    """Train, quantize, evaluate and write a bundle.

    If it is interrupted, the same command continues where it stopped; a second run redoes only what has changed.
    """
    if origin is not None:
        improve(context, origin, data, out or origin.absolute().with_name(f"{origin.absolute().name}-site"))
        return
    if recipe is None:
        raise typer.BadParameter("name a recipe, or with --from a bundle to improve", param_hint="--recipe")
    from edge_asl.pipeline.build import build as run
    from edge_asl.pipeline.context import BuildRequest
    from edge_asl.progress import console
    from edge_asl.recipes.recipe import load_recipe, scaled
    from edge_asl.training.weights import default_weights
    from edge_asl.workstation.cluster import cluster_of

    chosen = [] if labels is None else [f"data.labels={labels.split(',')}"]
    loaded = scaled(load_recipe(recipe, [*(settings or ()), *chosen]), scale)
    bundle = out or Path("models") / Path(recipe).stem
    initial = weights or default_weights(loaded.model.backbone)
    request = BuildRequest(data, recipe, loaded, initial, bundle, calibration, split, min_accuracy, version)
    request = request._replace(leave_one_out=leave_one_out, landmarks=tuple(landmarks or ()))
    request = request._replace(without_pictures=without_pictures, cluster=cluster_of(os.environ))
    if request.cluster is not None and not request.cluster.is_chief:
        from edge_asl.pipeline.workers import take_part

        typer.echo(take_part(request, console()))
        return
    print_evaluation(run(request, console()), json)
    if not json:
        report = (request.work if without_pictures else bundle) / "report.html"
        typer.echo(f"bundle: {bundle}\nreport: {report}")


app.command()(evaluate)
app.command()(compare)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="A bundle folder or a .tflite file.", show_default=False)],
    edgetpu: Annotated[bool, typer.Option("--edgetpu", help="Also predict which operators an Edge TPU runs.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a model's operators, tensors, size, arithmetic and the oldest runtime that can run it."""
    from edge_asl.tflite.edgetpu import edgetpu_mapping, format_mapping
    from edge_asl.tflite.inspect import format_facts, inspect_path, models_of

    facts = inspect_path(model)
    mappings = {found.path: edgetpu_mapping(Path(found.path)) for found in models_of(facts)} if edgetpu else {}
    if json:
        print_json({"model": facts, "edgetpu": mappings} if edgetpu else facts)
        return
    typer.echo(format_facts(facts))
    for path, mapping in mappings.items():
        typer.echo(f"\n{Path(path).name}: {format_mapping(mapping)}")


@app.command()
def hands(
    data: DataOption,
    layout: LayoutOption = "auto",
    variant: Annotated[
        HandVariant, typer.Option(help="Google's models; builds take full, lite is for comparison.")
    ] = HandVariant.full,
    pictures: Annotated[
        int, typer.Option(help="How many pictures to calibrate with, and how many others to compare on.", min=8)
    ] = 160,
    seed: Annotated[int, typer.Option(help="Chooses the pictures.", min=0)] = 0,
    wheel: Annotated[Path | None, option("The wheel mediapipe 0.10.14, for a workstation without internet.")] = None,
    picture: Annotated[Path | None, option("Draw the hands that differ most, float and int8, here (.jpg).")] = None,
    json: JsonOption = False,
) -> None:
    """Quantize the models that find a hand in a frame, and compare them with the float ones.

    Builds do this by themselves. The models are kept in a cache; a second run finds them there.
    """
    from edge_asl.hands.report import HandsRequest, format_report, make_hands
    from edge_asl.progress import console

    request = HandsRequest(data, layout, variant.value, pictures, seed, wheel, picture)
    report = make_hands(request, console())
    if json:
        print_json(report)
    else:
        typer.echo(format_report(report))


@app.command("compile-edgetpu")
def compile_edgetpu(bundle: BundleArgument, json: JsonOption = False) -> None:
    """Add model_edgetpu.tflite to a bundle with Coral's edgetpu_compiler."""
    from edge_asl.tflite.edgetpu import compile_edgetpu as run
    from edge_asl.tflite.edgetpu import format_compilation

    compilation = run(bundle)
    if json:
        print_json(compilation)
    else:
        typer.echo(format_compilation(compilation))


@app.command()
def demo(
    word: Annotated[str, typer.Option(help="What the drawn hand spells; not J or Z, which move.")] = "HELLO",
    out: Annotated[Path, typer.Option(help="Folder for pictures, bundle and film; reused if it exists.")] = Path(
        "out/demo"
    ),
    json: JsonOption = False,
) -> None:
    """Try everything with drawn hands.

    Draws pictures, builds a bundle from them, films a hand spelling a word, and has the device program read it.
    """
    from edge_asl.pipeline.demo import demo as run
    from edge_asl.progress import console

    result = run(out, word, console())
    if json:
        print_json(result)
    else:
        typer.echo(f"accuracy on drawn people not seen in training: {result.accuracy:.1%}")
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
        print_json(loaded)
        return
    for name, recipe in loaded.items():
        typer.echo(f"{name:<28}{recipe.description}")


for commands in (export, tune, imports, pictures, deploy, devices, keys):
    commands.register(app)
