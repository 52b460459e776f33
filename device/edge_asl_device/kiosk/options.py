"""The options of ``run``, which a site's settings hold, too; what ``capture`` shares with it; their types."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_asl_device.outputs import OUTPUTS
from edge_asl_device.text.languages import LANGUAGES

SMALLEST_SIDE = 5
"""Per cent of the picture's height."""


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Everything that ``edge-asl-device run`` takes beside the bundle."""
    add_camera_options(run)
    run.add_argument("--fast", action="store_true", help="with --headless: every frame, as fast as it can be decoded")
    run.add_argument("--headless", action="store_true", help="no page: print letters and text to standard output")
    run.add_argument("--demo", type=Path, metavar="FOLDER", help="use the bundle and film that edge-asl demo made")
    add_page_options(run)
    run.add_argument(
        "--output",
        dest="outputs",
        type=_output,
        action="append",
        metavar="NAME[:SETTING]",
        help="where letters, words and text go besides the page; repeat it for several: "
        + "; ".join(f"{name} {does}" for name, (_, does) in OUTPUTS.items())
        + " (default: voice, with --headless lines)",
    )
    run.add_argument(
        "--mute", dest="muted", action="store_true", help="start muted; the page's voice button turns it on"
    )
    run.add_argument(
        "--clear-after",
        dest="clear_after_s",
        type=number,
        default=60.0,
        metavar="S",
        help="forget a visitor's text and choices after S seconds without a hand, a sign or a touch; "
        "0: never (default: 60)",
    )
    run.add_argument(
        "--attract-after",
        dest="attract_after_s",
        type=number,
        default=60.0,
        metavar="S",
        help="after S seconds without anybody, drawn hands spell a word on the page; 0: never (default: 60)",
    )
    run.add_argument(
        "--decoder",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override when a letter is accepted: hold_s=0.5, accept_probability=0.8, ...",
    )
    add_runtime_options(run)
    run.add_argument(
        "--json", dest="as_json", action="store_true", help="JSON log lines; with --headless, each letter and the text"
    )


def add_camera_options(command: argparse.ArgumentParser) -> None:
    """Which camera."""
    command.add_argument(
        "--source",
        default="auto",
        metavar="SOURCE",
        help="auto, picamera2[:N], v4l2[:/dev/videoN], a video file, a folder of pictures, or rehearsal:FOLDER "
        "(default: auto)",
    )
    part = command.add_mutually_exclusive_group()
    part.add_argument(
        "--zoom",
        type=_zoom,
        metavar="N",
        help="use only the middle of the camera's picture, N times as large (1 to 8): for a camera that is far away",
    )
    part.add_argument(
        "--square",
        type=_square,
        metavar="X,Y,SIDE",
        help="use only this square of it: its left and top edge in per cent of the picture's width and height, and its "
        "side in per cent of the height",
    )
    command.add_argument("--loop", action="store_true", help="play a video file or a folder again and again")
    command.add_argument("--max-fps", type=_rate, metavar="N", help="read at most N frames per second (1 or more)")


def add_page_options(command: argparse.ArgumentParser) -> None:
    """Where the page is served, and how."""
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
    command.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    command.add_argument("--no-mirror", dest="mirror", action="store_false", help="do not mirror the picture")


def add_runtime_options(command: argparse.ArgumentParser) -> None:
    """What runs the model."""
    command.add_argument(
        "--runtime",
        choices=("auto", "litert", "tflite"),
        default="auto",
        help="ai-edge-litert, tflite-runtime, or the first of them that is installed (default: auto)",
    )
    command.add_argument(
        "--threads", type=positive_number, default=1, metavar="N", help="processor threads (default: 1)"
    )


def _ranged(convert: Callable[[str], float], low: float, high: float, what: str) -> Callable[[str], Any]:
    """A type for argparse: ``what`` says in its error what is accepted."""

    def parse(text: str) -> float:
        number = math.nan
        with contextlib.suppress(ValueError):
            number = convert(text)
        if not low <= number <= high:  # nor "nan"
            raise argparse.ArgumentTypeError(f"expected {what}, found {text!r}")
        return number

    return parse


positive_number = _ranged(int, 1, math.inf, "a whole number of 1 or more")
number = _ranged(float, 0, 1e6, "a number from 0 to 1000000")
# Slower than that, buttons and systemd's watchdog would wait for the next frame.
_rate = _ranged(float, 1, 1e6, "a number from 1 to 1000000")
_per_cent = _ranged(float, 0, 100, "a number from 0 to 100")
_port = _ranged(int, 0, 65535, "a port from 0 to 65535")


_zoom = _ranged(float, 1, 8, "a number from 1 to 8")


def _square(text: str) -> tuple[float, ...]:
    numbers = tuple(_per_cent(word) for word in text.split(","))
    if len(numbers) != 3 or numbers[2] < SMALLEST_SIDE or max(numbers[:2]) > 100 - SMALLEST_SIDE:
        raise argparse.ArgumentTypeError(
            f"expected X,Y,SIDE in per cent, such as 30,10,60, the side {SMALLEST_SIDE} or more, found {text!r}"
        )
    return numbers


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE such as hold_s=0.5, found {text!r}") from None


def _output(text: str) -> str:
    name = text.partition(":")[0]
    if name not in OUTPUTS:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(OUTPUTS)}, found {name!r}")
    return text
