"""The words that a device is told. Computed here without running, so that one device over SSH and many through Ansible
are told the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_asl_device.releases.installation import Mode

AGENT = Path(__file__).with_name("agent.py")
_BOOT = "import sys;exec(compile(sys.stdin.buffer.read(int(sys.argv[1])),'agent.py','exec'))"


def agent(command: str, arguments: dict[str, Any], interpreter: str = "python3") -> list[str]:
    """A command of ``agent.py``, whose text is to come first on standard input."""
    return [interpreter, "-c", _BOOT, str(AGENT.stat().st_size), command, json.dumps(arguments)]


def place(root: str, mode: Mode) -> list[str]:
    """Where, for every command of ``edge-asl-device`` about releases."""
    return ["--root", root, "--mode", str(mode)]


def current(root: str) -> str:
    """The program that runs there."""
    return f"{root}/current/environment/bin/edge-asl-device"


def staged(root: str, environment: str) -> str:
    """The program of an environment that lies there."""
    return f"{root}/environments/{environment}/bin/edge-asl-device"


def status(program: str, root: str, mode: Mode) -> list[str]:
    """What runs there, as JSON."""
    return [program, "status", "--json", *place(root, mode)]


def trust(program: str, key: str, root: str, mode: Mode) -> list[str]:
    """The first signer."""
    return [program, "trust", key, "--first", *place(root, mode)]
