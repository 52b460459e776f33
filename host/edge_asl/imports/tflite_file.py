"""A ``.tflite`` file from elsewhere: taken as it is if it keeps a bundle's contract, else refused with what to do."""

from __future__ import annotations

from edge_asl.errors import ModelError
from edge_asl.imports.found import Source
from edge_asl.tflite.facts import ModelFacts, model_facts
from edge_asl.tflite.inspect import contract_violations

_INSTEAD = (
    "import the Keras model that it was made from: keras_model.h5 of Teachable Machine's export Tensorflow, Keras; "
    "a .keras or .h5 file; or a SavedModel"
)


def check_tflite(source: Source) -> ModelFacts:
    """The facts of a model that takes *pixel − 128* as int8 and gives an int8 softmax, nothing else.

    Raises:
        ModelError: any other ``.tflite`` file.
        QuantizationError: not a whole one.
    """
    facts = model_facts(source.path)
    if facts.edgetpu is not None:
        raise ModelError(
            f"{source.given}: compiled for the Edge TPU, its layers can be neither measured nor run without one; "
            "import the .tflite file that was compiled, then edge-asl compile-edgetpu BUNDLE"
        )
    violations = contract_violations(facts, None)
    if not violations and not facts.outputs[0].operator.startswith("SOFTMAX"):
        violations = [f"output: expected to be made by SOFTMAX, found {facts.outputs[0].operator}"]
    if violations:
        raise ModelError(f"{source.given}: {_what(facts) or _wrong(violations)}; {_INSTEAD}")
    return facts


def _what(facts: ModelFacts) -> str | None:
    """What it is, in the words of those who make such files."""
    ends = {tensor.dtype for tensor in (*facts.inputs, *facts.outputs)}
    if ends == {"UINT8"}:
        return "quantized with uint8 at its ends, a bundle needs int8, pixel − 128; ranges cannot be changed afterwards"
    if facts.float_tensors:
        some = "partly " if "INT8" in {tensor.dtype for tensor in facts.inputs} else ""
        return f"a {some}floating-point model, and full int8 needs its network"
    return None


def _wrong(violations: list[str]) -> str:
    """Of several, the scale says most: it is that of the pixels it was quantized for."""
    return "int8, but not a bundle's: " + next((text for text in violations if "scale" in text), violations[0])
