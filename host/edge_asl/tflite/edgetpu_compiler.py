"""Running Coral's ``edgetpu_compiler`` and parsing its output."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from edge_asl.errors import QuantizationError, ToolMissing
from edge_asl_device.other_programs.sayings import Saying, meaning_of, telling_line

COMPILER = "edgetpu_compiler"
MAPPED = "Mapped to Edge TPU"
ONE_SUBGRAPH = "More than one subgraph is not supported"


_NEWER = "install its last version, 16.0, or build with an earlier TensorFlow"
_SMALLER = "that is often so with large inputs: try another model.size or backbone"
SAYINGS = (
    Saying(
        r"Didn't find op for builtin opcode '(?P<op>\w+)' version '(?P<version>\d+)'",
        f"it does not know {{op}} version {{version}}; {_NEWER}",
    ),
    Saying(
        r"Op builtin_code out of range: (?P<code>\d+)|Unsupported builtin_code",
        f"it does not know one of the model's operators; {_NEWER}",
    ),
    Saying(r"[Mm]odel not quantized", "the model is not quantized to int8; build it again with edge-asl build"),
    Saying(
        r"large activation tensors",
        "what a layer makes of a picture does not fit into the Edge TPU's memory; build with a smaller model.size",
    ),
    Saying(
        r"[Dd]ynamic(?:-sized)? tensor|dynamic shape",
        "a tensor's size is known only at run time; convert the model with a batch of 1",
    ),
    Saying(
        r"(?:already compiled|custom operator edgetpu|custom op for name 'edgetpu)",
        "the model is compiled for the Edge TPU already; name the file that it was compiled from",
    ),
    Saying(
        r"timed out|Compilation timeout",
        "it did not finish within its own time limit; build with a smaller model.size or backbone",
    ),
    Saying(
        r"Internal compiler error",
        f"it failed inside itself; {_SMALLER}",
    ),
    Saying(
        r"(?P<library>lib\S+): cannot open shared object|GLIBC\S* not found",
        "it does not start on this system; install it again from Coral's packages",
    ),
    Saying(r"(?:Exec|exec) format error", "it is made for x86-64 and does not run on this machine; compile elsewhere"),
    Saying(r"[Mm]odel could not be parsed|Invalid model", "it cannot read the model; build the bundle again"),
)
"""What it says → what it means: the causes before the words that follow each of them."""
NOISE = re.compile(
    r"^Edge TPU Compiler version|^Started a compilation timeout|^Compilation child process completed"
    r"|^Compilation failed!|^Searching for valid delegate|Restored original execution plan"
)


class OperatorStatus(Struct, frozen=True):
    """One line of the compiler's table."""

    operator: str
    count: int
    status: str


class EdgeTpuCompilation(Struct, frozen=True):
    """What the compiler says it did. Sizes in bytes, as exact as its two decimals allow; None: not stated."""

    compiler_version: str | None
    on_tpu: int
    """Operators that run on the Edge TPU."""
    on_cpu: int
    subgraphs: int | None
    on_chip_used: int | None
    """Parameters cached in the chip's 8 MB."""
    on_chip_remaining: int | None
    off_chip: int | None
    """Parameters fetched over USB or PCIe at every inference: more than 0 makes it slow."""
    operators: tuple[OperatorStatus, ...]


def run_compiler(model: Path, out: Path, timeout_s: float) -> str:
    """Run the compiler and return its output."""
    program = shutil.which(COMPILER)
    if program is None:
        raise ToolMissing(
            f"{COMPILER}: the Edge TPU compiler is not on PATH; install Coral's Debian package edgetpu-compiler "
            "(x86-64 only, https://coral.ai/docs/edgetpu/compiler/#download)"
        )
    command = [program, "-s", "-o", str(out), str(model)]
    try:
        with _own_group(command) as process:
            text, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise QuantizationError(
            f"{model}: {COMPILER} did not finish within {timeout_s:g} s; use a smaller backbone"
        ) from error
    except OSError as error:
        raise ToolMissing(f"{program}: does not start: {error.strerror}; install it again") from error
    if process.returncode != 0:
        raise QuantizationError(f"{model}: {COMPILER} failed with status {process.returncode}: {reason_in(text)}")
    return text


def parse_output(text: str) -> EdgeTpuCompilation:
    """Read what ``edgetpu_compiler -s`` prints, or its ``.log``, or both (https://coral.ai/docs/edgetpu/compiler/).

    Raises:
        QuantizationError: it does not say how many operators were mapped.
    """
    # Output and log both contain the table, so the same line twice counts once.
    rows = dict.fromkeys(re.findall(r"^([A-Za-z][\w-]*)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", text, re.MULTILINE))
    operators = tuple(OperatorStatus(name, int(count), status) for name, count, status in rows)
    on_tpu = _number(text, "Number of operations that will run on Edge TPU")
    on_cpu = _number(text, "Number of operations that will run on CPU")
    if operators:  # the two lines are missing if everything was mapped
        on_tpu = sum(o.count for o in operators if o.status == MAPPED)
        on_cpu = sum(o.count for o in operators if o.status != MAPPED)
    if on_tpu is None:
        raise QuantizationError(f"{COMPILER}: no table of operators in its output: {reason_in(text)}")
    version = re.search(r"Edge TPU Compiler version (\S+)", text)
    return EdgeTpuCompilation(
        compiler_version=version[1] if version else None,
        on_tpu=on_tpu,
        on_cpu=on_cpu or 0,
        subgraphs=_number(text, "Number of Edge TPU subgraphs"),
        on_chip_used=_size(text, "On-chip memory used for caching model parameters"),
        on_chip_remaining=_size(text, "On-chip memory remaining for caching model parameters"),
        off_chip=_size(text, "Off-chip memory used for streaming uncached model parameters"),
        operators=operators,
    )


def reason_in(text: str) -> str:
    """Why it failed: its last line is often only that it did."""
    return meaning_of(SAYINGS, text) or telling_line(text, NOISE) or f"it gave no reason; {_SMALLER}"


@contextlib.contextmanager
def _own_group(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run in a process group of its own and end all of it: the packaged compiler is a shell script."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _number(text: str, what: str) -> int | None:
    found = re.search(rf"{what}:\s*(\d+)", text)
    return int(found[1]) if found else None


def _size(text: str, what: str) -> int | None:
    found = re.search(rf"{what}:\s*([\d.]+)(B|KiB|MiB|GiB)", text)
    if not found:
        return None
    factor = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}[found[2]]
    return round(float(found[1]) * factor)
