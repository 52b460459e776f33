"""``edge-asl-device``: the program on the device. Parses, calls one function, prints."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from edge_asl_device.cli.parser import parser
from edge_asl_device.errors import EdgeAslError, visible

COMMANDS = {
    "classify": "models:classify",
    "bench": "models:bench",
    "doctor": "doctor:doctor",
    "run": "run:run",
    "capture": "run:capture",
    "activate": "releases:activate",
    "rollback": "releases:rollback",
    "recover": "releases:recover",
    "trust": "releases:trust",
    "status": "releases:show_status",
}
"""Where a command's function lies, imported when it is called: ``--help`` and the others start without it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, or 1 after one line on stderr that says what was wrong."""
    _fill_closed_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # nothing fails for a sign that a terminal lacks
    words = sys.argv[1:] if arguments is None else arguments
    options = parser(words[0] if words else None).parse_args(words)
    module, _, name = COMMANDS[options.command].partition(":")
    try:
        status: int = getattr(importlib.import_module(f"edge_asl_device.cli.{module}"), name)(options)
    except EdgeAslError as error:
        sys.stderr.write(f"edge-asl-device: {visible(str(error))}\n")
        return 1
    except BrokenPipeError:
        # The reader of a pipe has left; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _fill_closed_descriptors() -> None:
    """Give standard streams that whoever started this has closed a place to go; else the next file gets their number,
    and what is printed lands in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
