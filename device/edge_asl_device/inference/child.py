"""Trying something in a process of its own: a native library that does not fit ends it with a signal, not this one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any


def ask_child(command: Sequence[str], limit_s: float, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answer of a child process: the last line that it prints, one JSON object with ``ok``.

    Returns:
        That object; ``{"ok": False, "reason": …}`` where the child hung, crashed, failed or could not be started.
    """
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, check=False, errors="replace", env=environment
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "reason": f"no answer within {limit_s:g} s"}
    except OSError as error:
        return {"ok": False, "reason": f"cannot run {command[0]}: {error.strerror}"}
    if run.returncode < 0:
        return {"ok": False, "reason": f"crashed with signal {-run.returncode}"}
    try:
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (run.stderr.strip().splitlines() or ["no output"])[-1]
        return {"ok": False, "reason": f"exit status {run.returncode}: {last}"}
    return answer
