"""Every figure of the README, as its table: `make bench`. Name some to run only these: `python bench/all.py path`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALL = (
    "startup",
    "path",
    "synthetic",
    "demo",
    "digits",
    "throughput",
    "memory",
    "letters",
    "film",
    "kiosk",
    "videos",
    "soak",
    "deploy",
    "fleet",
)


def main() -> None:
    """Each in a process of its own: TensorFlow keeps what it once took."""
    print("| what | found | must | aim |\n|---|---|---|---|", flush=True)
    for name in sys.argv[1:] or ALL:
        subprocess.run([sys.executable, str(Path(__file__).with_name(f"{name}.py"))], check=True)


if __name__ == "__main__":
    main()
