"""Arguments and options that several commands about devices share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_asl_device.releases.installation import Mode

if TYPE_CHECKING:
    from edge_asl.deploy.target import Target


class Pixels(StrEnum):
    """Ways to scale pixels; ``training/pixels.py`` says what they are."""

    tf = "tf"
    unit = "unit"
    caffe = "caffe"
    torch = "torch"
    raw = "raw"


class RuntimeName(StrEnum):
    """Which TensorFlow Lite runtime a device gets."""

    auto = "auto"
    litert = "litert"
    tflite = "tflite"


def option(help_text: str, *names: str, **more: Any) -> Any:
    """An option whose help says what its default is, if anything does."""
    return typer.Option(*names, help=help_text, show_default=False, **more)


TARGET = typer.Argument(help="pi@kiosk-1, a host from ~/.ssh/config, or local:FOLDER.", show_default=False)
MODE_HELP = (
    "What keeps the program running: system (a system service; needs root or sudo), user (a user service) or plain "
    "(nothing). Default: system, or plain for local:FOLDER."
)
ROOT_HELP = "Folder on the device. Default: /var/lib/edge-asl, or ~/.local/share/edge-asl with --mode user."

BundleArgument = Annotated[Path, typer.Argument(help="Bundle folder.", show_default=False)]
TargetArgument = Annotated[str, TARGET]
ModeOption = Annotated[Mode | None, option(MODE_HELP)]
RootOption = Annotated[str | None, option(ROOT_HELP)]
RuntimeOption = Annotated[RuntimeName, typer.Option(help="TensorFlow Lite runtime on the device.")]
SshConfigOption = Annotated[Path | None, option("Use this file instead of ~/.ssh/config.", exists=True, dir_okay=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
KeyOption = Annotated[Path | None, option("SSH key to sign with. Default: the one from edge-asl keys init.")]
LayoutOption = Annotated[str, typer.Option(help="auto, folders, people, flat, csv, yolo or tfrecord.")]
LabelsOption = Annotated[str | None, option("Only these signs: A-Z,del,space,nothing. Default: all.", metavar="LIST")]
DataOption = Annotated[
    list[Path], option("Folder of labelled pictures (or a CSV file); repeat it for several.", "--data", metavar="DIR")
]
DataArgument = Annotated[
    list[Path],
    typer.Argument(help="Folders of labelled pictures (or CSV files).", show_default=False, metavar="DIR…"),
]
PIXELS_HELP = (
    "How the model wants its pixels: tf (-1 to 1), unit (0 to 1), caffe (BGR minus a mean), torch (mean and "
    "deviation), raw (0 to 255). Default: found out with the pictures."
)
OUTPUTS_HELP = (
    "The signs of the model's outputs, in their order: A-I,K-Y or a file. Default: labels.txt beside the model, or the "
    "data's classes in alphabetical order."
)
SIZE_HELP = "Side of the model's pictures, if it takes any."
SignerPatternOption = Annotated[str | None, option("Regular expression on the path; its first group names the person.")]
WheelhouseOption = Annotated[Path | None, option("Folder of wheels to use instead of the internet.")]


def parsed_target(name: str, mode: Mode | None, root: str | None, ssh_config: Path | None) -> Target:
    """The device that the command line names."""
    from edge_asl.deploy.target import parse_target

    return parse_target(name, mode, root, ssh_config)


def finish(result: tuple[int, str]) -> None:
    """Print, and exit with the status."""
    status, text = result
    if text:
        typer.echo(text)
    if status:
        raise typer.Exit(1)


def print_json(value: Any) -> None:
    """One line on standard output."""
    import codecs
    import sys

    import msgspec

    text = msgspec.json.encode(value).decode()
    if codecs.lookup(sys.stdout.encoding).name != "utf-8":  # JSON can say everything in ASCII
        import json

        text = json.dumps(json.loads(text), separators=(",", ":"))
    typer.echo(text)
