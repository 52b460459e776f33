"""Measures every figure of docs/figures.md: `make bench`. To measure some: `python bench/all.py path startup`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common import ROOT

ALL = (
    "startup",
    "path",
    "synthetic",
    "demo",
    "digits",
    "throughput",
    "tune",
    "workers",
    "tutorial",
    "recipes",
    "memory",
    "large",
    "letters",
    "people",
    "float_stages",
    "film",
    "kiosk",
    "videos",
    "soak",
    "deploy",
    "fleet",
)


def main() -> None:
    """Each in a process of its own, because TensorFlow never returns memory; then the page that shows them."""
    for name in sys.argv[1:] or ALL:
        subprocess.run([sys.executable, str(Path(__file__).with_name(f"{name}.py"))], check=True)
    subprocess.run([sys.executable, str(ROOT / "docs" / "generate_figures.py")], check=True)


if __name__ == "__main__":
    main()
