"""Trying something in a process of its own: a native library that does not fit ends it with a signal, not this one."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

END_LIMIT_S = 1.0
"""For a killed child to end."""


def ask_child(command: Sequence[str], limit_s: float, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answer of a child process: the last line that it prints, one JSON object with ``ok``.

    Returns:
        That object; ``{"ok": False, "reason": …}`` where the child hung, crashed, failed or could not be started.
    """
    try:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=environment
        )
    except OSError as error:
        return {"ok": False, "reason": f"cannot run {command[0]}: {error.strerror}"}
    try:
        printed, complaints = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        give_up(child)
        return {"ok": False, "reason": f"no answer within {limit_s:g} s"}
    except BaseException:
        give_up(child)
        raise
    if child.returncode < 0:
        return {"ok": False, "reason": f"crashed with signal {-child.returncode}"}
    try:
        answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    except (IndexError, ValueError):
        last = (complaints.strip().splitlines() or ["no output"])[-1]
        return {"ok": False, "reason": f"exit status {child.returncode}: {last}"}
    return answer


def give_up(child: subprocess.Popen[Any]) -> None:
    """Kill a child and leave it behind if it hangs in a driver, where no signal reaches it.

    ``subprocess.run`` and a ``with`` block would wait for its end without a limit.
    """
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(END_LIMIT_S)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
