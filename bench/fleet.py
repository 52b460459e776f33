"""Thirty kiosks through Ansible in waves: one sshd on 127.0.0.1, a port and a folder for each, all on these cores.

Three roll-outs: the first, in which every kiosk gets its environment of 200 MB; a new model; nothing new.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import BIN, ROOT, figure, last_json

sys.path.insert(0, str(ROOT / "tests" / "deploy"))
from bad_bundles import bundle
from many import Kiosks

WAVES = "1,25%,100%"
REQUIRED_S = 120


def roll_out(kiosks: Kiosks, folder: Path, *more: str) -> dict:
    """One ``edge-asl deploy --inventory``; its report."""
    command = [BIN / "edge-asl", "deploy", folder, "--inventory", kiosks.inventory, "--serial", WAVES, "--json", *more]
    with (kiosks.folder / "ansible.log").open("ab") as log:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, check=False, timeout=1200)
    report = last_json(run.stdout)
    (kiosks.folder / "report.json").write_text(json.dumps(report, indent=2))
    if run.returncode != 0:
        print(json.dumps([row for row in report["devices"] if row["message"]], indent=2), file=sys.stderr)
        sys.exit(f"{run.returncode}: expected a roll-out without a failure")
    return report


def outcome(report: dict, result: str) -> str:
    """Seconds, and how many devices had this result."""
    count = sum(row["result"] == result for row in report["devices"])
    return f"{report['seconds']:.0f} s ({count} of {len(report['devices'])} {result})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="kept, with Ansible's own words in ansible.log")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="kiosks-"))
    folder.mkdir(exist_ok=True)
    try:
        # Pictures: thirty films would keep one of the two cores busy.
        with Kiosks(folder, options.count, ROOT / "tests" / "data" / "pictures") as kiosks:
            first = bundle(folder / "first")
            newer = bundle(folder / "newer", "1.1", changed=True)
            required = f"≤ {REQUIRED_S} s"
            of = f"{options.count} devices through Ansible, waves {WAVES}"
            figure(f"{of}: from nothing", outcome(roll_out(kiosks, first), "activated"), required)
            figure(f"{of}: a new model", outcome(roll_out(kiosks, newer), "activated"), required)
            figure(f"{of}: nothing new", outcome(roll_out(kiosks, newer), "unchanged"), required)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
