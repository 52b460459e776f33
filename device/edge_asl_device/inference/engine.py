"""Running the quantized model: ai-edge-litert or tflite-runtime, whichever is installed.

Both offer the same ``Interpreter``; two entries in a dictionary select.
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_asl_device.contract.manifest import (
    EDGETPU_MODEL,
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    MODEL,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    Bundle,
)
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


class Engine(Protocol):
    """Turns an input tensor into an output tensor."""

    def invoke(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """Input int8 (1, H, W, 3) to output int8 (1, classes)."""
        ...


PROCESSOR, EDGETPU = "processor", "edgetpu"
EDGETPU_LIBRARY = "libedgetpu.so.1"


class TfliteEngine:
    """A bundle's model in a TensorFlow Lite runtime; a context manager.

    Args:
        bundle: a bundle that ``read_bundle`` has checked.
        runtime: ``litert``, ``tflite``, or ``auto`` for the first of these that is installed.
        threads: processor threads for one inference. On busy cores more is slower.
        accelerator: ``processor`` runs ``model.tflite``; ``edgetpu`` runs ``model_edgetpu.tflite`` on a Coral. A
            libedgetpu that does not fit the runtime crashes the process: ask ``coral.choose`` first.

    Raises:
        RuntimeMissing: no such runtime, or it refuses the model's operators or the accelerator's library.
        BundleError: the model's tensors are not what the manifest says.
    """

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 1, accelerator: str = PROCESSOR) -> None:
        self.runtime, interpreter_class = load_runtime(runtime)
        self.accelerator = accelerator
        self.interpreter: Any = _interpreter(interpreter_class, bundle, self.runtime, threads, accelerator)
        self._input, self._output = _checked_tensors(self.interpreter, bundle)

    def invoke(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        """Input int8 (1, H, W, 3) to output int8 (1, classes), a copy of the runtime's own memory."""
        self.interpreter.set_tensor(self._input, tensor)
        self.interpreter.invoke()
        output: NDArray[np.int8] = self.interpreter.get_tensor(self._output)
        return output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
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
    raise RuntimeMissing(
        f"expected a TensorFlow Lite runtime, found none ({'; '.join(failures)}); install one: {wanted.pip}"
    )


def _interpreter(interpreter_class: Any, bundle: Bundle, runtime: str, threads: int, accelerator: str) -> Any:
    model = EDGETPU_MODEL if accelerator == EDGETPU else MODEL
    # From memory, not from the path: a file that is mapped and then truncated kills the process with SIGBUS.
    content = bundle.content(model)
    try:
        with native_output_silenced():  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
            delegates = [_edgetpu_delegate(runtime)] if accelerator == EDGETPU else None
            interpreter = interpreter_class(
                model_content=content, num_threads=threads, experimental_delegates=delegates
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise RuntimeMissing(
            f"{bundle.folder / model}: expected a model that {RUNTIMES[runtime].distribution} can run, "
            f"found: {reason}; update the runtime, or build the bundle for this one"
        ) from error
    return interpreter


def _edgetpu_delegate(runtime: str) -> Any:
    return importlib.import_module(RUNTIMES[runtime].module).load_delegate(EDGETPU_LIBRARY)


def _checked_tensors(interpreter: Any, bundle: Bundle) -> tuple[int, int]:
    """The indices of the input and output tensor, once they are what the manifest says."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if (len(inputs), len(outputs)) != (1, 1):
        raise BundleError(
            f"{bundle.model}: expected one input and one output tensor, found {len(inputs)} and {len(outputs)}"
        )
    spec = bundle.manifest
    want_input = ("int8", (1, spec.input.height, spec.input.width, 3), (INPUT_SCALE, INPUT_ZERO_POINT))
    want_output = ("int8", (1, spec.output.classes), (OUTPUT_SCALE, OUTPUT_ZERO_POINT))
    for what, details, want in (("input", inputs[0], want_input), ("output", outputs[0], want_output)):
        found = (
            np.dtype(details["dtype"]).name,
            tuple(int(n) for n in details["shape"]),
            (float(details["quantization"][0]), int(details["quantization"][1])),
        )
        if found != want:
            raise BundleError(
                f"{bundle.model}: {what} tensor: expected {_words(want)} as the manifest says, "
                f"found {_words(found)}; build the bundle again"
            )
    return int(inputs[0]["index"]), int(outputs[0]["index"])


def _words(tensor: tuple[str, tuple[int, ...], tuple[float, int]]) -> str:
    dtype, shape, (scale, zero_point) = tensor
    return f"{dtype} {shape} scale {scale:g} zero point {zero_point}"
