"""Decoding against its definition."""

from __future__ import annotations

import numpy as np

from edge_asl_device.contract.decode import probabilities, top


def test_every_output_value_is_its_probability() -> None:
    output = np.arange(-128, 128).astype(np.int8)[np.newaxis]
    expected = (np.arange(-128, 128) - -128) * (1 / 256)
    assert (probabilities(output) == expected.astype(np.float32)).all()


def test_top_names_the_best_first_and_ties_in_label_order() -> None:
    probability = np.array([0.25, 0.5, 0.25, 0.0], np.float32)
    assert top(probability, ("A", "B", "C", "D"), 3) == [("B", 0.5), ("A", 0.25), ("C", 0.25)]
    assert top(probability, ("A", "B", "C", "D"), 9)[-1] == ("D", 0.0)
