"""Compiled modules of a runtime, made on the device: its program starts sooner, and its unit may write none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from edge_asl_device.errors import ReleaseError
from edge_asl_device.files import sync_tree, write_atomically

LIMIT_S = 600.0
MARKER = ".compiled"
"""Beside the runtime, named after it: its modules are compiled and on the disk."""


def compile_modules(runtime: Path, python: Path) -> str:
    """Compile what is not compiled, once; sync it. A word on what was done.

    A module that was half compiled when the power went would end every start: without the marker all are made anew.

    Raises:
        ReleaseError: it took too long, or Python could not be started.
    """
    marker = runtime.with_name(f"{MARKER}-{runtime.name}")
    if marker.exists():
        return "compiled before"
    for folder in runtime.rglob("__pycache__"):
        shutil.rmtree(folder)
    command = [str(python), "-m", "compileall", "-q", "-j", "0", str(runtime / "lib")]
    try:
        # Its exit status tells of files for other Pythons, which packages carry and nobody imports.
        subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{runtime}: expected its modules to be compiled, found: {error}") from error
    sync_tree(runtime)
    write_atomically(marker, "")
    return "compiled"
