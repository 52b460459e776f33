"""The parts that data come in."""

from __future__ import annotations

import pytest

from edge_asl.datasets.given import given_part


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("train/A/a.jpg", "train"),
        ("valid/A/a.jpg", "validation"),
        ("val/A/a.jpg", "validation"),
        ("Test/A/a.jpg", "test"),
        ("asl_alphabet_train/A/a.jpg", "train"),
        ("hands/test/A/a.jpg", "test"),
        ("set/Training/A/1.jpg", "train"),
        ("sign_mnist_test.csv#17", "test"),
        ("asl_alphabet_test/B/B_train_1.jpg", "test"),
        ("A/test.jpg", None),
        ("train/test/A/a.jpg", None),
        ("restrained/A/a.jpg", None),
        ("ann/A/a.jpg", None),
    ],
)
def test_a_part_is_a_word_of_a_folder_or_a_table(path: str, part: str | None):
    assert given_part(path) == part
