"""Compiled modules of an environment, which the self-test leaves behind: the program starts sooner with them.

Python writes them beside the sources while it imports; from then on nobody does (``PYTHONDONTWRITEBYTECODE`` in the
units and in the launcher), so that a power cut finds none half written.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_asl_device.files import sync_tree, write_atomically

MARKER = ".compiled"
"""Beside the environment, named after it: what is compiled there is on the disk."""
NO_COMPILING = "PYTHONDONTWRITEBYTECODE"


def forget_half_compiled(environment: Path) -> None:
    """Take away what an interrupted self-test left: a module that was half written would end every start."""
    if not _marker(environment).exists():
        for folder in environment.rglob("__pycache__"):
            shutil.rmtree(folder)


def compiling_variables(environment: Path) -> dict[str, str]:
    """The environment variables of a process that may compile modules where none are kept yet."""
    variables = {key: value for key, value in os.environ.items() if key != NO_COMPILING}
    return variables | ({NO_COMPILING: "1"} if _marker(environment).exists() else {})


def keep_compiled(environment: Path) -> None:
    """Bring the environment and its compiled modules to the disk, once."""
    if not _marker(environment).exists():
        sync_tree(environment)
        write_atomically(_marker(environment), "")


def _marker(environment: Path) -> Path:
    return environment.with_name(f"{MARKER}-{environment.name}")
