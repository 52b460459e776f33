"""An environment's compiled modules, which make the program start faster.

Python writes them beside the sources while the self-test imports. Afterwards nothing does (``PYTHONDONTWRITEBYTECODE``
in the units and in the launcher), so that a power cut never leaves one half written.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_asl_device.files import sync_tree, write_atomically

MARKER = ".compiled"
"""A file beside the environment, named after it: its compiled modules are synced to disk."""
NO_COMPILING = "PYTHONDONTWRITEBYTECODE"


def forget_half_compiled(environment: Path) -> None:
    """Delete what an interrupted self-test left: a half-written module would crash every start."""
    if not _marker(environment).exists():
        for folder in environment.rglob("__pycache__"):
            shutil.rmtree(folder)


def compiling_variables(environment: Path) -> dict[str, str]:
    """Environment variables for a process that may compile modules, unless all are compiled already."""
    variables = {key: value for key, value in os.environ.items() if key != NO_COMPILING}
    return variables | ({NO_COMPILING: "1"} if _marker(environment).exists() else {})


def keep_compiled(environment: Path) -> None:
    """Sync the environment and its compiled modules to disk, once."""
    if not _marker(environment).exists():
        sync_tree(environment)
        write_atomically(_marker(environment), "")


def _marker(environment: Path) -> Path:
    return environment.with_name(f"{MARKER}-{environment.name}")
