"""Writes the tables of docs/figures.md from bench/figures.json; with ``--check`` it only compares.

The page's prose is written by hand. Between ``<!-- figures: bench/path.py … -->`` and ``<!-- end -->`` are the
figures of these scripts, between ``<!-- table: NAME -->`` and ``<!-- end -->`` a table of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "figures.md"
FIGURES = ROOT / "bench" / "figures.json"
REGION = re.compile(r"(<!-- (figures|table): (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, measured: dict[str, Any]) -> str:
    """The page with its tables brought up to date.

    Raises:
        ValueError: no table shows a figure, or a table has no figures.
    """
    shown: set[str] = set()

    def region(found: re.Match[str]) -> str:
        begin, kind, names, end = found.groups()
        if kind == "table":
            table = next(table for table in measured["tables"] if table["name"] == names)
            return f"{begin}\n{_table(table['header'], table['rows'])}\n{_machines([table])}\n{end}"
        rows = [row for script in _scripts(names) for row in measured["figures"] if row["script"] == script]
        shown.update(row["script"] for row in rows)
        if not rows:
            return f"{begin}\nNot measured yet.\n\n{end}"
        cells = [[row["name"], row["result"], row["required"], row["goal"], f"`{row['script']}`"] for row in rows]
        return (
            f"{begin}\n{_table(['what', 'result', 'required', 'goal', 'measured by'], cells)}\n{_machines(rows)}\n{end}"
        )

    text = REGION.sub(region, page)
    missing = {row["script"] for row in measured["figures"]} - shown
    if missing:
        raise ValueError(f"no table in docs/figures.md shows {', '.join(sorted(missing))}")
    return text


def _scripts(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, ["---"] * len(header), *rows))


def _machines(rows: list[dict[str, Any]]) -> str:
    """``Machine: 2 × AMD EPYC, Python 3.11.``, or a line for each machine with what was measured there."""
    machines = list(dict.fromkeys(row["machine"] for row in rows))
    if len(machines) == 1:
        return f"Machine: {machines[0]}.\n"
    scripts = {m: list(dict.fromkeys(f"`{row['script']}`" for row in rows if row["machine"] == m)) for m in machines}
    return "Machines:\n\n" + "".join(f"- {machine}: {', '.join(scripts[machine])}\n" for machine in machines)


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with ``--check`` say in one line that it is out of date."""
    top = argparse.ArgumentParser(description="Write the tables of docs/figures.md.")
    top.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is out of date")
    options = top.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    text = render(page, json.loads(FIGURES.read_text(encoding="utf-8")))
    if options.check and page != text:
        sys.stderr.write("docs/figures.md: out of date with bench/figures.json; run make fix\n")
        return 1
    if page != text:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
