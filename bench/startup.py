"""How long --help takes."""

from __future__ import annotations

from common import figure, median_seconds


def main() -> None:
    """Median of nine."""
    for program in ("edge-asl", "edge-asl-device"):
        figure(f"`{program} --help`", f"{median_seconds(program, '--help'):.2f} s", "≤ 0.35 s", "≤ 0.2 s")


if __name__ == "__main__":
    main()
