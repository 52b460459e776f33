"""How long `make demo` takes once packages are installed, and what it reads."""

from __future__ import annotations

import shutil

from common import OUT, figure, last_json, run


def main() -> None:
    """From nothing."""
    folder = OUT / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    text, seconds = run("edge-asl", "demo", "--out", folder, "--json")
    found = last_json(text)
    result = f"{seconds / 60:.1f} min (spelled {found['word']}, read {found['read']})"
    figure("demo, from drawing the pictures to reading the film", result, "≤ 6 min", "≤ 3 min")


if __name__ == "__main__":
    main()
