"""Whether a release runs here: its own interpreter loads the bundle and must give the bundle's known answer.

    python -m edge_asl_device.releases.selftest BUNDLE RUNTIME THREADS

prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edge_asl_device.errors import ReleaseError
from edge_asl_device.other_programs.child import ask_child

LIMIT_S = 60.0
"""On a Pi 3 importing takes ten seconds; a Coral gets thirty to answer."""


def self_test(
    python: Path, bundle: Path, runtime: str, threads: int, environment: dict[str, str], limit_s: float
) -> str:
    """Run it with the release's interpreter; one line on the result.

    Raises:
        ReleaseError: it crashed, hung, failed or answered wrongly.
    """
    command = [str(python), "-m", "edge_asl_device.releases.selftest", str(bundle), runtime, str(threads)]
    answer = ask_child(command, limit_s, environment)
    if not answer["ok"]:
        raise ReleaseError(f"self-test: {answer['reason']}")
    return str(answer["text"])


def examine(folder: Path, runtime: str, threads: int) -> str:
    """Classify the bundle's picture and compare.

    Raises:
        EdgeAslError: the bundle does not run, or gives another answer.
    """
    import importlib
    import pkgutil
    import time

    import numpy as np

    import edge_asl_device
    from edge_asl_device.contract.bundle import read_bundle
    from edge_asl_device.contract.decode import Prediction
    from edge_asl_device.contract.known_answer import picture_of, read_known_answer
    from edge_asl_device.inference.edgetpu import choose
    from edge_asl_device.inference.recogniser import Recogniser

    # What is missing shows here, not after the switch, and all of it is compiled here.
    for module in pkgutil.walk_packages(edge_asl_device.__path__, "edge_asl_device."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    bundle = read_bundle(folder)
    check = read_known_answer(bundle)
    picture = picture_of(check) if check else np.zeros((240, 320, 3), np.uint8)
    with Recogniser(bundle, runtime, threads, choose(bundle, runtime).accelerator) as recogniser:
        recogniser.warm_up()
        started = time.perf_counter()
        best = next(iter(recogniser.classify(picture)), Prediction("no hand", 0.0))
        took = f"in {(time.perf_counter() - started) * 1000:.1f} ms with {recogniser.engine.runtime}"
    if check is None:
        return f"runs {took}; the bundle has no known answer to compare with (build it again)"
    if best.label != check.label or abs(best.probability - check.probability) > check.tolerance:
        raise ReleaseError(
            f"expected {check.label} with {check.probability:.2f} ± {check.tolerance:.2f}, "
            f"found {best.label} with {best.probability:.2f} {took}"
        )
    return f"{best.label} {best.probability:.2f} as expected, {took}"


def main(arguments: list[str]) -> int:
    """Always 0: the printed line tells the result."""
    from edge_asl_device.errors import EdgeAslError

    bundle, runtime, threads = arguments
    try:
        answer = {"ok": True, "text": examine(Path(bundle), runtime, int(threads))}
    except (EdgeAslError, ImportError) as error:
        answer = {"ok": False, "reason": " ".join(str(error).split())}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
