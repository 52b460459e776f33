"""What a TensorFlow Lite runtime says when it refuses a model, or does not load → what it means."""

from __future__ import annotations

from edge_asl_device.other_programs.sayings import Saying, meaning_of, telling_line

EDGETPU_OPERATOR = "edgetpu-custom-op"
"""In place of the layers that ``edgetpu_compiler`` has taken out of a model."""

_UPDATE = "update the runtime, or build the bundle for this one"
_AGAIN = "copy or build the model again"

MODEL = (
    Saying(
        r"Didn't find op for builtin opcode '(?P<op>\w+)' version '(?P<version>\d+)'",
        f"it needs {{op}} version {{version}}, which this {{runtime}} does not have; {_UPDATE}",
    ),
    Saying(
        r"Op builtin_code out of range: (?P<code>\d+)",
        f"it needs operator number {{code}}, which this {{runtime}} does not know yet; {_UPDATE}",
    ),
    Saying(
        rf"unresolved custom op: {EDGETPU_OPERATOR}|custom op for name '{EDGETPU_OPERATOR}'",
        "it is compiled for the Edge TPU and runs only with a Coral and libedgetpu; use the file it was compiled from",
    ),
    Saying(
        r"(?:Select TensorFlow op|Flex delegate|Regular TensorFlow ops).*?(?:\((?P<op>Flex\w+)\)|$)",
        "it has TensorFlow operators that no TensorFlow Lite runtime has ({op}); convert it with TFLITE_BUILTINS only",
    ),
    Saying(
        r"(?:unresolved custom op: |custom op for name ')(?P<op>[\w:-]+)",
        "it has an operator of somebody's own, {op}, which no runtime has; convert the network without it",
    ),
    Saying(r"unresolved custom op", "it has an operator of somebody's own, which no runtime has; convert it without"),
    Saying(
        r"model identifier '(?P<found>.*?)', should be 'TFL3'",
        f"expected a TensorFlow Lite model, found {{found!r}} where TFL3 should stand; {_AGAIN}",
    ),
    Saying(r"not a valid Flatbuffer", f"the file is damaged or no TensorFlow Lite model; {_AGAIN}"),
    Saying(
        r"custom op handler|EdgeTpuDelegateForCustomOp",
        "libedgetpu does not fit this {runtime}; install the libedgetpu that was built for it",
    ),
    Saying(
        r"Failed to load delegate from (?P<library>\S+?)\s*$",
        "{library} found no Edge TPU that it may use; plug the Coral in again, add this user to the group plugdev, and "
        "end other programs that use it",
    ),
    Saying(
        r"(?P<library>lib\S+): cannot open shared object file",
        "{library} is not installed; for a Coral: sudo apt install libedgetpu1-std",
    ),
    Saying(
        r"bad_alloc|Cannot allocate memory|Failed to allocate",
        "there is not enough memory for it; end other programs, or build with a smaller backbone",
    ),
    Saying(
        r"(?:DYNAMIC|dynamic-sized|unknown dimension|Hybrid models are not supported)",
        f"it is not quantized to int8 as a whole; {_AGAIN} with edge-asl build",
    ),
)
"""Of a model that a runtime refuses."""

LOADING = (
    Saying(
        r"_ARRAY_API|compiled using NumPy 1|numpy\.core\.multiarray failed|dtype size changed",
        "it was built for numpy 1 and does not run with numpy 2; pip install 'numpy<2'",
    ),
    Saying(
        r"version `(?P<symbol>GLIBC(?:XX)?_[\d.]+)' not found",
        "it needs {symbol}, and this operating system is older; update the system, or install tflite-runtime",
    ),
    Saying(
        r"(?P<library>lib\S+\.so\S*): cannot open shared object file",
        "it needs {library}, which is not installed",
    ),
    Saying(
        r"wrong ELF class|cannot enable executable stack|Exec format|Illegal instruction",
        "the installed file is for another kind of processor; install it again on this device",
    ),
)
"""Of a runtime that does not load."""


def refusal_of(said: str, runtime: str) -> str:
    """Why a runtime refuses a model, and what to do.

    Args:
        said: its message.
        runtime: its name for people, ``ai-edge-litert``.
    """
    return meaning_of(MODEL, said, runtime=runtime) or f"{telling_line(said) or 'no reason given'}; {_UPDATE}"


def loading_failure_of(said: str) -> str:
    """Why a runtime cannot be imported."""
    return meaning_of(LOADING, said) or telling_line(said.partition("\n")[0])
