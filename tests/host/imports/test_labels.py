"""Which sign each output of a model from elsewhere stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_asl.datasets.types import Picture
from edge_asl.errors import ModelError
from edge_asl.imports.labels import in_keras_order, labels_of_outputs, parse_labels, read_labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 A\n1 B\n2 space\n", ["A", "B", "space"]),
        ("1 B\n0 A\n", ["A", "B"]),
        ("\ufeff0 Class 1\r\n1 Class 2\r\n", ["Class 1", "Class 2"]),
        ("A\nB\n\n", ["A", "B"]),
        ("0\n1\n2\n", ["0", "1", "2"]),
        ("1 hand\nfist\n", ["1 hand", "fist"]),
    ],
)
def test_lines_have_numbers_or_not(tmp_path: Path, text: str, labels: list[str]):
    path = tmp_path / "labels.txt"
    path.write_text(text, encoding="utf-8")

    assert read_labels(path) == labels
    assert parse_labels(str(path)) == labels


def test_numbers_that_do_not_count_from_0_are_refused(tmp_path: Path):
    (tmp_path / "labels.txt").write_text("1 A\n2 B\n")

    with pytest.raises(ModelError, match="expected numbers from 0 to 1, found 1, 2"):
        read_labels(tmp_path / "labels.txt")


def test_a_list_keeps_its_order():
    assert parse_labels("space,C,A-B,0-2") == ["space", "C", "A", "B", "0", "1", "2"]
    with pytest.raises(ModelError, match="expected a range such as A-Z or 0-9, found 'B-A'"):
        parse_labels("B-A")


def test_labels_are_spelled_as_the_datas():
    assert labels_of_outputs(["b", "Delete", "None"], "m", 3, ["A"]) == ("B", "del", "nothing")


def test_without_labels_the_datas_classes_count_in_the_order_of_folders():
    paths = ["9/a.jpg", "train/10/b.jpg", "E/c.jpg", "Del/d.jpg", "None/e.jpg", "ann/s/f.jpg", "A_1.jpg", "t.csv#3"]
    labels = ["9", "10", "E", "del", "nothing", "S", "A", "B"]
    ordered = in_keras_order(map(Picture, paths, labels))

    assert ordered == ["10", "9", "A", "B", "del", "E", "nothing", "S"]
    assert labels_of_outputs(None, "m", 8, ordered) == tuple(ordered)
    with pytest.raises(ModelError, match="m: has 3 outputs, and the data 2 classes: A, B; say which output is which"):
        labels_of_outputs(None, "m", 3, ["A", "B"])


def test_as_many_labels_as_outputs_each_once():
    with pytest.raises(ModelError, match="expected 3 labels, as many as the model has outputs, found 2: A, B"):
        labels_of_outputs(["A", "B"], "m", 3, [])
    with pytest.raises(ModelError, match="expected each label once, found A twice"):
        labels_of_outputs(["A", "a", "B"], "m", 3, [])
