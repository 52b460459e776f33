"""``edge-asl-device``'s command line: names, options, help. What a command does is found by its name in ``main``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from edge_asl_device import __version__
from edge_asl_device.outputs import OUTPUTS
from edge_asl_device.text.languages import LANGUAGES

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_BUNDLE = "the folder that edge-asl build wrote"


def parser(*, exit_on_error: bool = True) -> argparse.ArgumentParser:
    """The command line; also what docs/cli.md is made from, and what reads a site's options."""
    top = argparse.ArgumentParser(
        prog="edge-asl-device",
        description="Read hand signs with a quantized model, without internet.",
        exit_on_error=exit_on_error,
    )
    top.add_argument("--version", action="version", version=f"edge-asl-device {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    for add in (_add_classify, _add_bench, _add_doctor, _add_run, _add_capture, _add_releases):
        add(commands)
    return top


def _add_classify(commands: Commands) -> None:
    classify = _add(commands, "classify", "name the sign in each picture")
    classify.add_argument("bundle", type=Path, help=_BUNDLE)
    classify.add_argument("pictures", type=Path, nargs="+", help="picture files, or folders of them")
    classify.add_argument("--top", type=_positive, default=1, metavar="N", help="show the N best labels (default: 1)")
    _add_runtime(classify)
    classify.add_argument("--json", action="store_true", help="one JSON object per line")


def _add_bench(commands: Commands) -> None:
    bench = _add(commands, "bench", "time the bare inference and the whole path side by side")
    bench.add_argument("bundle", type=Path, help=_BUNDLE)
    bench.add_argument("--runs", type=_positive, default=300, metavar="N", help="repetitions of each (default: 300)")
    _add_runtime(bench)
    bench.add_argument("--json", action="store_true", help="one JSON object")


def _add_doctor(commands: Commands) -> None:
    doctor = _add(commands, "doctor", "report what this machine has, and whether a bundle runs on it")
    doctor.add_argument("bundle", type=Path, nargs="?", help="a bundle to run once with every installed runtime")
    doctor.add_argument("--json", action="store_true", help="one JSON object")


def _add_run(commands: Commands) -> None:
    run = _add(commands, "run", "read signs from a camera, show them on a page and speak them")
    run.add_argument("bundle", type=Path, nargs="?", help=_BUNDLE)
    _add_camera(run)
    run.add_argument("--fast", action="store_true", help="with --headless: every frame, as fast as it can be decoded")
    run.add_argument("--headless", action="store_true", help="no page: print letters and text to standard output")
    run.add_argument("--demo", type=Path, metavar="FOLDER", help="use the bundle and film that edge-asl demo made")
    _add_page(run)
    run.add_argument(
        "--output",
        type=_output,
        action="append",
        metavar="NAME[:SETTING]",
        help="where letters, words and text go besides the page: voice or voice:ESPEAK-VOICE, lines (standard output); "
        "repeat it for several (default: voice, with --headless lines)",
    )
    run.add_argument("--mute", action="store_true", help="stay silent until sound is switched on on the page")
    run.add_argument(
        "--clear-after",
        type=_number,
        default=60.0,
        metavar="S",
        help="clear the text for the next visitor after S seconds without a sign; 0: never (default: 60)",
    )
    run.add_argument(
        "--decoder",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override when a letter is accepted: hold_s=0.5, accept_probability=0.8, ...",
    )
    _add_runtime(run)
    run.add_argument("--json", action="store_true", help="JSON log lines; with --headless, each letter and the text")


def _add_capture(commands: Commands) -> None:
    capture = _add(commands, "capture", "store pictures of signs for training, with a banner on the page")
    capture.add_argument("bundle", type=Path, help="the bundle whose square and page are used")
    capture.add_argument("folder", type=Path, help="where the pictures go: one folder per sign, and signers.csv")
    capture.add_argument("--person", required=True, help="who shows the signs: a name or a number")
    capture.add_argument("--session", help="the room, day or lighting (default: the current time)")
    capture.add_argument("--labels", metavar="A,B,C", help="which signs, in this order (default: the bundle's)")
    capture.add_argument("--count", type=_positive, default=40, metavar="N", help="pictures of each (default: 40)")
    capture.add_argument(
        "--every", type=_number, default=0.3, metavar="S", help="seconds between two pictures (default: 0.3)"
    )
    capture.add_argument(
        "--ready", type=_number, default=3.0, metavar="S", help="seconds to get ready for each sign (default: 3)"
    )
    _add_camera(capture)
    _add_page(capture)
    _add_runtime(capture)
    capture.add_argument("--json", action="store_true", help="JSON log lines, one JSON object at the end")


def _add_releases(commands: Commands) -> None:
    activate = _add(commands, "activate", "switch to a release that was staged here, and back if it fails")
    activate.add_argument("release", help="its digest, or the first characters of it; status lists them")
    rollback = _add(commands, "rollback", "switch back to the release before")
    recover = _add(commands, "recover", "end a switch that a power cut interrupted (at boot)")
    for command in (activate, rollback, recover):
        _add_installation(command)
        command.add_argument(
            "--health-limit",
            type=_number,
            default=60.0,
            metavar="S",
            help="seconds until the release must serve and read (default: 60)",
        )
        command.add_argument(
            "--keep", type=_positive, metavar="N", help="releases that stay on the device (default: all)"
        )
        command.add_argument("--json", action="store_true", help="one JSON object a step")
        command.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
        command.add_argument(
            "--restart",
            action="store_true",
            help="end the program and start it, with its new options if there are some, also where it could go on"
            if command is activate
            else argparse.SUPPRESS,
        )
        command.add_argument(
            "--allow-downgrade",
            action="store_true",
            help="take a bundle of a lower version than was served here before"
            if command is activate
            else argparse.SUPPRESS,
        )

    trust = _add(commands, "trust", "show whose bundles are taken here, or add a signer")
    trust.add_argument("key", nargs="?", help="a public key as in a .pub file; from then on nothing unsigned is taken")
    trust.add_argument("--first", action="store_true", help="only where nobody is trusted yet")
    _add_installation(trust)

    status = _add(commands, "status", "show what runs here, what ran before, and the last switch")
    _add_installation(status)
    status.add_argument("--json", action="store_true", help="one JSON object")


def _add_installation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root",
        metavar="FOLDER",
        help="where the releases lie (default: /var/lib/edge-asl, as a user ~/.local/share/edge-asl)",
    )
    command.add_argument(
        "--mode",
        choices=("system", "user", "plain"),
        default="system",
        help="a service of the machine, of a user, or none (default: system)",
    )


def _add_camera(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--source",
        default="auto",
        metavar="SOURCE",
        help="auto, picamera2[:N], v4l2[:/dev/videoN], a video file, a folder of pictures, or rehearsal:FOLDER "
        "(default: auto)",
    )
    command.add_argument("--loop", action="store_true", help="play a video file or a folder again and again")
    command.add_argument("--max-fps", type=_rate, metavar="N", help="read at most N frames per second (1 or more)")


def _add_page(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--host", default="127.0.0.1", help="address to serve the page on (default: 127.0.0.1); any other needs a token"
    )
    command.add_argument(
        "--port", type=_port, default=8080, help="port of the page; 0 picks a free one (default: 8080)"
    )
    command.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a file with the token that browsers must present"
    )
    command.add_argument(
        "--language", choices=tuple(LANGUAGES), default="en", help="of page, voice and word list (default: en)"
    )
    command.add_argument("--no-mirror", action="store_true", help="do not mirror the picture")


def _ranged(convert: Callable[[str], float], low: float, high: float, name: str) -> Callable[[str], Any]:
    """A type for argparse, which names it in its message: "invalid number from 1 value: '0'"."""

    def parse(text: str) -> float:
        number = convert(text)
        if not low <= number <= high:  # nor "nan"
            raise ValueError
        return number

    parse.__name__ = name
    return parse


_positive = _ranged(int, 1, math.inf, "number from 1")
_number = _ranged(float, 0, 1e6, "number from 0")
# Slower than that, buttons and systemd's watchdog would wait for the next frame.
_rate = _ranged(float, 1, 1e6, "number from 1")
_port = _ranged(int, 0, 65535, "port number")


def _setting(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError
    return name, float(value)


_setting.__name__ = "NAME=VALUE"


def _output(text: str) -> str:
    if text.partition(":")[0] not in OUTPUTS:
        raise ValueError
    return text


_output.__name__ = "NAME[:SETTING]"


def _add(commands: Commands, name: str, does: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
    added.set_defaults(command=name)
    return added


def _add_runtime(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--runtime",
        choices=("auto", "litert", "tflite"),
        default="auto",
        help="ai-edge-litert, tflite-runtime, or the first of them that is installed (default: auto)",
    )
    command.add_argument("--threads", type=_positive, default=1, metavar="N", help="processor threads (default: 1)")
