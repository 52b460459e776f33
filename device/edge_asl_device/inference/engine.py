"""Running a quantized model: ai-edge-litert or tflite-runtime, whichever is installed.

Both offer the same ``Interpreter``; two entries in a dictionary select.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.tensor import ModelSpec, Tensor
from edge_asl_device.errors import BundleError, RuntimeMissing
from edge_asl_device.inference.reasons import loading_failure_of, refusal_of
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
        self.accelerator, self.spec = accelerator, spec
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
                f"{refusal_of(str(error), RUNTIMES[self.runtime].distribution)}"
            ) from error
        self._inputs, self._outputs = _checked_tensors(self.interpreter, spec)

    def invoke(self, *tensors: NDArray[np.int8]) -> tuple[NDArray[np.int8], ...]:
        """Input tensors to output tensors, int8, both in the specification's order; copies of the runtime's memory."""
        for index, tensor in zip(self._inputs, tensors, strict=True):
            self.interpreter.set_tensor(index, tensor)
        self.interpreter.invoke()
        return tuple(self.interpreter.get_tensor(index) for index in self._outputs)

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
            failures.append(f"{RUNTIMES[key].distribution}: {loading_failure_of(str(error))}")
    wanted = RUNTIMES["litert" if name == "auto" else name]
    raise RuntimeMissing(f"no TensorFlow Lite runtime can be loaded ({'; '.join(failures)}); install one: {wanted.pip}")


def _edgetpu_delegate(runtime: str) -> Any:
    return importlib.import_module(RUNTIMES[runtime].module).load_delegate(EDGETPU_LIBRARY)


def _checked_tensors(interpreter: Any, spec: ModelSpec) -> tuple[list[int], list[int]]:
    """The indices of the input and output tensors, once they are what the specification says."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    for what, details, wanted in (("input", inputs, spec.inputs), ("output", outputs, spec.outputs)):
        if len(details) != len(wanted):
            raise BundleError(f"{spec.path}: {what} tensors: expected {len(wanted)}, found {len(details)}")
        for found, tensor in zip(details, wanted, strict=True):
            _check_tensor(spec, what, found, tensor)
    return [int(tensor["index"]) for tensor in inputs], [int(tensor["index"]) for tensor in outputs]


def _check_tensor(spec: ModelSpec, what: str, details: Any, wanted: Tensor) -> None:
    scale, zero_point = details["quantization"]
    shape, dtype = tuple(int(n) for n in details["shape"]), np.dtype(details["dtype"]).name
    found = Tensor(shape, float(scale), int(zero_point))
    if (dtype, found) != ("int8", wanted):
        raise BundleError(
            f"{spec.path}: {what} tensor: expected {_described('int8', wanted)} as the manifest says, "
            f"found {_described(dtype, found)}; build the bundle again"
        )


def _described(dtype: str, tensor: Tensor) -> str:
    return f"{dtype} {tensor.shape} scale {tensor.scale:g} zero point {tensor.zero_point}"
