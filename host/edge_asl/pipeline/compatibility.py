"""Whether a quantized model meets the contract and loads in the oldest runtime that its recipe promises."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from edge_asl.errors import QuantizationError
from edge_asl.progress import Progress
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.operator_versions import version_key

# Module and minimum version of the runtimes that a recipe may name; the workstation always has LiteRT.
_PROMISED = {"tflite-2.14": ("tflite_runtime", "2.14"), "litert": ("ai_edge_litert", "2.21")}

# In a separate process: TensorFlow and tflite-runtime clash within one.
_LOAD = """
import sys
from {module}.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
"""


def check_model(
    model: bytes, violations_of: Callable[[ModelFacts], list[str]], runtime: str, progress: Progress
) -> None:
    """Check a ``.tflite`` file's bytes against the contract and a recipe's ``quantization.runtime``.

    ``violations_of`` says in what a model's facts differ from the contract.

    Raises:
        QuantizationError: a tensor violates the contract, an operator is too new, or the runtime refuses the file.
    """
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        facts = model_facts(Path(file.name))
        if violations := violations_of(facts):
            more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""
            raise QuantizationError(f"model: not full int8 as the contract requires: {'; '.join(violations[:3])}{more}")
        module, version = _PROMISED[runtime]
        needed = facts.minimum_runtime or "an unknown version"
        if facts.minimum_runtime is None or version_key(needed) > version_key(version):
            newest = ", ".join(f"{o.name} v{o.version}" for o in facts.operators)
            raise QuantizationError(
                f"model: expected operators of TensorFlow Lite {version}, found some that need {needed} ({newest}); "
                "set quantization.runtime=litert or choose another backbone"
            )
        if importlib.util.find_spec(module) is None:
            progress.say(f"  {module} is not installed here: operator versions are compatible, loading was not tested")
            return
        _load(Path(file.name), module)
        progress.say(f"  loads and runs in {module}")


def _load(model: Path, module: str) -> None:
    try:
        run = subprocess.run(
            [sys.executable, "-c", _LOAD.format(module=module), str(model)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise QuantizationError(f"model: {module} did not run it within 120 s") from error
    if run.returncode != 0:
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise QuantizationError(f"model: {module} does not run it: {last}")
