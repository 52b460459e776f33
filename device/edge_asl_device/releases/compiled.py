"""Compiled modules of a runtime, which the self-test leaves behind: the program starts sooner with them.

Python writes them beside the sources while it imports; from then on nobody does (``PYTHONDONTWRITEBYTECODE`` in the
units and in the launcher), so that a power cut finds none half written.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_asl_device.files import sync_tree, write_atomically

MARKER = ".compiled"
"""Beside the runtime, named after it: what is compiled there is on the disk."""
NO_COMPILING = "PYTHONDONTWRITEBYTECODE"


def forget_half_compiled(runtime: Path) -> None:
    """Take away what an interrupted self-test left: a module that was half written would end every start."""
    if not _marker(runtime).exists():
        for folder in runtime.rglob("__pycache__"):
            shutil.rmtree(folder)


def compiling_environment(runtime: Path) -> dict[str, str]:
    """The environment of a process that may compile modules where none are kept yet."""
    environment = {key: value for key, value in os.environ.items() if key != NO_COMPILING}
    return environment | ({NO_COMPILING: "1"} if _marker(runtime).exists() else {})


def keep_compiled(runtime: Path) -> None:
    """Bring the runtime and its compiled modules to the disk, once."""
    if not _marker(runtime).exists():
        sync_tree(runtime)
        write_atomically(_marker(runtime), "")


def _marker(runtime: Path) -> Path:
    return runtime.with_name(f"{MARKER}-{runtime.name}")
