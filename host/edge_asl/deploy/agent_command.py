"""``agent.py`` as a command: nothing has to be installed on the device but Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("agent.py")
_BOOT = "import sys;exec(compile(sys.stdin.buffer.read(int(sys.argv[1])),'agent.py','exec'))"


def agent_argv(command: str, arguments: dict[str, Any], interpreter: str = "python3") -> list[str]:
    """A command of ``agent.py``, whose text is to come first on standard input."""
    return [interpreter, "-c", _BOOT, str(AGENT.stat().st_size), command, json.dumps(arguments)]
