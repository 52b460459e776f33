"""Models from elsewhere, loaded and fitted to a bundle's input without changing what they say."""

from __future__ import annotations

import pytest
from foreign_models import SIDE, ForeignModels, foreign_models
from tiny_build import SIGNS

from edge_asl.tflite.facts import model_facts
from edge_asl.tflite.inspect import contract_violations

__all__ = ["foreign_models"]

ENDINGS = {
    "converted_keras.zip": "softmax",
    "plain.keras": "softmax",
    "saved": "softmax",
    "saved_1": "softmax",
    "architecture": "softmax",
    "rescaling.keras": "softmax",
    "channels_first.keras": "softmax",
    "grey.keras": "softmax",
    "batch_8.keras": "softmax",
    "logits.keras": "logits",
    "sigmoid.keras": "sigmoid",
    "two.h5": "two",
}


def test_all_that_should_load_do(foreign_models: ForeignModels):
    assert {name: found["ending"] for name, found in foreign_models.fitted.items()} == ENDINGS


@pytest.mark.parametrize("name", ENDINGS)
def test_a_fitted_network_says_what_the_original_said(foreign_models: ForeignModels, name: str):
    # x / 127.5 − 1 and (x − 128) / 128 differ by 0.4 %.
    assert foreign_models.fitted[name]["off"] < (0.05 if name == "converted_keras.zip" else 1e-3)


def test_what_they_take_is_seen(foreign_models: ForeignModels):
    found = foreign_models.fitted

    assert found["plain.keras"]["shape"] == found["saved"]["shape"] == [SIDE, SIDE, 3]
    assert found["grey.keras"]["shape"] == [SIDE, SIDE, 1]
    assert [name for name, one in found.items() if one["rescales"]] == ["rescaling.keras"]
    assert [name for name, one in found.items() if one["channels_first"]] == ["channels_first.keras"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lambda.keras", "holds a Lambda layer, code that is never run here; where that code is"),
        ("lambda.h5", "holds a Lambda layer, code that is never run here; where that code is"),
        ("own.keras", "holds Own, which is not part of Keras; where it was trained, save it as a SavedModel"),
        ("own.h5", "holds Own, which is not part of Keras; where it was trained, save it as a SavedModel"),
        ("outputs.keras", "expected a classifier with one input and one output, found 1 inputs and 2 outputs"),
        ("features.keras", "expected an output of shape (batch, classes), found (None, 10, 10)"),
        ("saved_8", "its batch is fixed at 8; export it with a free batch, or with 1"),
        ("saved_writing", "contains WriteFile, which reads or writes files or runs Python, and is not loaded"),
        ("saved_sigmoid", "found 3 outputs between 0 and 1 that do not add up to 1; end it with a softmax"),
    ],
)
def test_others_are_refused_in_one_line(foreign_models: ForeignModels, name: str, words: str):
    message = foreign_models.refused[name]

    assert words in message
    assert name in message
    assert "\n" not in message
    assert len(message) < 400


def test_nothing_else_is_refused_and_no_code_was_run(foreign_models: ForeignModels):
    assert len(foreign_models.refused) == 9
    assert not (foreign_models.folder / "written").exists()


def test_a_saved_model_meets_the_contract_when_quantized(foreign_models: ForeignModels):
    facts = model_facts(foreign_models.folder / "saved.tflite")

    assert contract_violations(facts, len(SIGNS)) == []


def test_the_fixed_layers_scale_as_keras_does(foreign_models: ForeignModels):
    assert set(foreign_models.scalings) == {"tf", "unit", "caffe", "torch", "raw"}
    assert max(foreign_models.scalings.values()) < 1e-4
