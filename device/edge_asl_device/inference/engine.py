"""Running a quantized model: ai-edge-litert or tflite-runtime, whichever is installed.

Both offer the same ``Interpreter``; two entries in a dictionary select.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import ModelSpec, Tensor
from edge_asl_device.errors import BundleError, RuntimeMissing
from edge_asl_device.inference.silence import native_output_silenced


class Runtime(NamedTuple):
    """One TensorFlow Lite runtime as pip knows it."""

    module: str
    distribution: str
    pip: str


RUNTIMES: dict[str, Runtime] = {
    "litert": Runtime("ai_edge_litert.interpreter", "ai-edge-litert", "pip install 'edge-asl-device[litert]'"),
    "tflite": Runtime("tflite_runtime.interpreter", "tflite-runtime", "pip install 'edge-asl-device[tflite]'"),
}


PROCESSOR, EDGETPU = "processor", "edgetpu"
EDGETPU_LIBRARY = "libedgetpu.so.1"


class TfliteEngine:
    """One quantized model in a TensorFlow Lite runtime; a context manager.

    Args:
        spec: what goes into the model and comes out of it; its path appears in error messages.
        content: the model's verified bytes. From memory, not from the path: a file that is mapped and then truncated
            kills the process with SIGBUS.
        runtime: ``litert``, ``tflite``, or ``auto`` for the first of these that is installed.
        threads: processor threads for one inference. On busy cores more is slower.
        accelerator: ``processor``, or ``edgetpu`` for a model that was compiled for a Coral. A libedgetpu that does
            not fit the runtime crashes the process: ask ``edgetpu.choose`` first.

    Raises:
        RuntimeMissing: no such runtime, or it refuses the model's operators or the accelerator's library.
        BundleError: the model's tensors are not what the specification says.
    """

    def __init__(
        self, spec: ModelSpec, content: bytes, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR
    ) -> None:
        self.runtime, interpreter_class = load_runtime(runtime)
        self.accelerator = accelerator
        try:
            with native_output_silenced():  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
                delegates = [_edgetpu_delegate(self.runtime)] if accelerator == EDGETPU else None
                self.interpreter: Any = interpreter_class(
                    model_content=content, num_threads=threads, experimental_delegates=delegates
                )
                self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise RuntimeMissing(
                f"{spec.path}: {RUNTIMES[self.runtime].distribution} cannot run this model: "
                f"{' '.join(str(error).split())}; update the runtime, or build the bundle for this one"
            ) from error
        self._input, self._output = _checked_tensors(self.interpreter, spec)

    def invoke(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """Input int8 (1, H, W, 3) to output int8 (1, classes), a copy of the runtime's own memory."""
        self.interpreter.set_tensor(self._input, tensor)
        self.interpreter.invoke()
        output: NDArray[np.int8] = self.interpreter.get_tensor(self._output)
        return output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        # The runtimes have no close(); dropping the last reference frees the arena.
        self.interpreter = None


def load_runtime(name: str = "auto") -> tuple[str, Any]:
    """Import a runtime: its key in ``RUNTIMES`` and its ``Interpreter`` class.

    Raises:
        RuntimeMissing: unknown, not installed, or broken on import.
    """
    if name != "auto" and name not in RUNTIMES:
        raise RuntimeMissing(f"runtime: expected auto, {' or '.join(RUNTIMES)}, found {name!r}")
    failures = []
    for key in RUNTIMES if name == "auto" else [name]:
        try:
            return key, importlib.import_module(RUNTIMES[key].module).Interpreter
        except (ImportError, AttributeError) as error:
            # tflite-runtime on numpy 2 fails with AttributeError: _ARRAY_API not found.
            failures.append(f"{RUNTIMES[key].distribution}: {str(error).splitlines()[0]}")
    wanted = RUNTIMES["litert" if name == "auto" else name]
    raise RuntimeMissing(f"no TensorFlow Lite runtime can be loaded ({'; '.join(failures)}); install one: {wanted.pip}")


def _edgetpu_delegate(runtime: str) -> Any:
    return importlib.import_module(RUNTIMES[runtime].module).load_delegate(EDGETPU_LIBRARY)


def _checked_tensors(interpreter: Any, spec: ModelSpec) -> tuple[int, int]:
    """The indices of the input and output tensor, once they are what the specification says."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if (len(inputs), len(outputs)) != (1, 1):
        raise BundleError(
            f"{spec.path}: expected one input and one output tensor, found {len(inputs)} and {len(outputs)}"
        )
    for what, details, wanted in (("input", inputs[0], spec.input), ("output", outputs[0], spec.output)):
        scale, zero_point = details["quantization"]
        found = Tensor(tuple(int(n) for n in details["shape"]), float(scale), int(zero_point))
        dtype = np.dtype(details["dtype"]).name
        if (dtype, found) != ("int8", wanted):
            raise BundleError(
                f"{spec.path}: {what} tensor: expected {_described('int8', wanted)} as the manifest says, "
                f"found {_described(dtype, found)}; build the bundle again"
            )
    return int(inputs[0]["index"]), int(outputs[0]["index"])


def _described(dtype: str, tensor: Tensor) -> str:
    return f"{dtype} {tensor.shape} scale {tensor.scale:g} zero point {tensor.zero_point}"
