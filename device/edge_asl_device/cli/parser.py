"""``edge-asl-device``'s command line: names, options, help. What a command does is found by its name in ``main``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from edge_asl_device import __version__
from edge_asl_device.kiosk.options import (
    add_camera_options,
    add_page_options,
    add_run_options,
    add_runtime_options,
    number,
    positive_number,
)

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_BUNDLE = "the folder that edge-asl build wrote"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The command line; also what docs/cli.md is made from.

    Args:
        command: if it is one, the others are left out, whose options take a tenth of a short command's time.
    """
    top = argparse.ArgumentParser(
        prog="edge-asl-device", description="Read hand signs with a quantized model, without internet."
    )
    top.add_argument("--version", action="version", version=f"edge-asl-device {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    for add in [_ADD[command]] if command is not None and command in _ADD else _ADD.values():
        add(commands)
    return top


def _add_classify(commands: Commands) -> None:
    classify = _add(commands, "classify", "name the sign in each picture")
    classify.add_argument("bundle", type=Path, help=_BUNDLE)
    classify.add_argument("pictures", type=Path, nargs="+", help="picture files, or folders of them")
    classify.add_argument(
        "--top", type=positive_number, default=1, metavar="N", help="show the N best labels (default: 1)"
    )
    add_runtime_options(classify)
    classify.add_argument("--json", action="store_true", help="one JSON object per line")


def _add_bench(commands: Commands) -> None:
    bench = _add(commands, "bench", "time each stage, the bare inference and the whole path")
    bench.add_argument("bundle", type=Path, help=_BUNDLE)
    bench.add_argument(
        "--runs", type=positive_number, default=300, metavar="N", help="repetitions of each (default: 300)"
    )
    add_runtime_options(bench)
    bench.add_argument("--json", action="store_true", help="one JSON object")


def _add_doctor(commands: Commands) -> None:
    doctor = _add(commands, "doctor", "report what this machine has, and whether a bundle runs on it")
    doctor.add_argument("bundle", type=Path, nargs="?", help="a bundle to run once with every installed runtime")
    doctor.add_argument("--json", action="store_true", help="one JSON object")


def _add_run(commands: Commands) -> None:
    run = _add(commands, "run", "read signs from a camera, show them on a page and speak them")
    run.add_argument("bundle", type=Path, nargs="?", help=_BUNDLE)
    add_run_options(run)


def _add_capture(commands: Commands) -> None:
    capture = _add(commands, "capture", "store pictures of signs for training, with a banner on the page")
    capture.add_argument("bundle", type=Path, help="the bundle whose square and page are used")
    capture.add_argument("folder", type=Path, help="where the pictures go: one folder per sign, and signers.csv")
    capture.add_argument("--person", required=True, help="who shows the signs: a name or a number")
    capture.add_argument("--session", help="the room, day or lighting (default: the current time)")
    capture.add_argument("--labels", metavar="A,B,C", help="which signs, in this order (default: the bundle's)")
    capture.add_argument(
        "--count", type=positive_number, default=40, metavar="N", help="pictures of each (default: 40)"
    )
    capture.add_argument(
        "--every", type=number, default=0.3, metavar="S", help="seconds between two pictures (default: 0.3)"
    )
    capture.add_argument(
        "--ready", type=number, default=3.0, metavar="S", help="seconds to get ready for each sign (default: 3)"
    )
    add_camera_options(capture)
    add_page_options(capture)
    add_runtime_options(capture)
    capture.add_argument(
        "--json", dest="as_json", action="store_true", help="JSON log lines, one JSON object at the end"
    )


def _add_activate(commands: Commands) -> None:
    activate = _add(commands, "activate", "switch to a staged release; go back if it is not healthy")
    activate.add_argument("release", help="its digest, or the first characters of it; status lists them")
    _add_switch_options(activate, shown=True)


def _add_rollback(commands: Commands) -> None:
    _add_switch_options(_add(commands, "rollback", "switch back to the previous release"))


def _add_recover(commands: Commands) -> None:
    _add_switch_options(_add(commands, "recover", "finish or undo a switch that was interrupted (run at boot)"))


def _add_trust(commands: Commands) -> None:
    trust = _add(commands, "trust", "list the trusted signing keys, or add one")
    trust.add_argument(
        "key", nargs="?", help="a public key, as in a .pub file; from then on unsigned bundles are refused"
    )
    trust.add_argument("--first", action="store_true", help="add it only if no key is trusted yet")
    _add_installation(trust)


def _add_status(commands: Commands) -> None:
    status = _add(commands, "status", "show the current and the previous release, and the last switch")
    _add_installation(status)
    status.add_argument("--json", action="store_true", help="one JSON object")


def _add_switch_options(command: argparse.ArgumentParser, *, shown: bool = False) -> None:
    _add_installation(command)
    command.add_argument(
        "--health-limit",
        type=number,
        default=60.0,
        metavar="S",
        help="seconds within which the release must be healthy (default: 60)",
    )
    command.add_argument(
        "--keep", type=positive_number, metavar="N", help="keep only the newest N releases (default: all)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object per step")
    command.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    restart = "restart the program even if it could load the new bundle without interruption"
    command.add_argument("--restart", action="store_true", help=restart if shown else argparse.SUPPRESS)
    command.add_argument("--configured", action="store_true", help=argparse.SUPPRESS)
    downgrade = "allow a version older than one this device has already run"
    command.add_argument("--allow-downgrade", action="store_true", help=downgrade if shown else argparse.SUPPRESS)


def _add_installation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root",
        metavar="FOLDER",
        help="where releases are installed (default: /var/lib/edge-asl; with --mode user: ~/.local/share/edge-asl)",
    )
    command.add_argument(
        "--mode",
        choices=("system", "user", "plain"),
        default="system",
        help="system service, user service, or no service (default: system)",
    )


def _add(commands: Commands, name: str, does: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
    added.set_defaults(command=name)
    return added


_ADD: Mapping[str, Callable[[Commands], None]] = {
    "classify": _add_classify,
    "bench": _add_bench,
    "doctor": _add_doctor,
    "run": _add_run,
    "capture": _add_capture,
    "activate": _add_activate,
    "rollback": _add_rollback,
    "recover": _add_recover,
    "trust": _add_trust,
    "status": _add_status,
}
"""In the order of the help."""
