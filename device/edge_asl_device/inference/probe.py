"""Load a bundle and run it once, in a process of its own.

python -m edge_asl_device.inference.probe RUNTIME [BUNDLE [ACCELERATOR]]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from edge_asl_device.other_programs.child import ask_child

TIMEOUT_S = 60.0


def probe(
    bundle: Path | None, runtime: str, timeout_s: float = TIMEOUT_S, accelerator: str = "processor"
) -> dict[str, object]:
    """What became of importing ``runtime`` and, with a bundle, of running it once, in a child process.

    Returns:
        ``{"ok": True, "version": …, "milliseconds": …}`` or ``{"ok": False, "reason": …}``.
    """
    command = [sys.executable, "-m", "edge_asl_device.inference.probe", runtime]
    if bundle is not None:
        command += [str(bundle), accelerator]
    return ask_child(command, timeout_s)


def _answer(runtime: str, bundle: Path | None, accelerator: str) -> dict[str, object]:
    import importlib.metadata

    from edge_asl_device.errors import EdgeAslError
    from edge_asl_device.inference.engine import RUNTIMES, load_runtime
    from edge_asl_device.inference.recogniser import Recogniser

    try:
        runtime, _ = load_runtime(runtime)
        answer: dict[str, object] = {"ok": True, "version": importlib.metadata.version(RUNTIMES[runtime].distribution)}
        if bundle is not None:
            with Recogniser.open(bundle, runtime, accelerator=accelerator) as recogniser:
                recogniser.warm_up()
                started = time.perf_counter()
                recogniser.warm_up()
                answer["milliseconds"] = round((time.perf_counter() - started) * 1000, 3)
    except EdgeAslError as error:
        return {"ok": False, "reason": str(error)}
    return answer


if __name__ == "__main__":
    runtime, bundle, accelerator = [*sys.argv[1:], "", "processor"][:3]
    sys.stdout.write(json.dumps(_answer(runtime, Path(bundle) if bundle else None, accelerator)) + "\n")
