"""YOLO data that does not fit together: classes, pictures and label files, each of which may lack the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_as_people_have_them import WRITTEN, boxes, labels_by_number

from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A picture of each of three classes."""
    root = boxes(tmp_path / "data")
    (root / "data.yaml").write_text("names: [hello, thanks, yes]\n")
    return root


def test_nothing_is_said_where_all_fits(root: Path) -> None:
    (root / "labels" / "classes.txt").write_text("hello\nthanks\nyes\n")

    assert not read_dataset(root).warnings
    assert labels_by_number(root) == WRITTEN


def test_a_folder_whose_name_ends_in_images_keeps_its_labels(root: Path) -> None:
    for kind in ("images", "labels"):
        files = list((root / kind).iterdir())
        (root / kind / "test_images").mkdir()
        for path in files:
            path.rename(root / kind / "test_images" / path.name)

    assert not read_dataset(root).warnings
    assert labels_by_number(root) == WRITTEN


def test_label_files_without_a_picture_are_said(root: Path) -> None:
    for number in range(3):
        (root / "labels" / f"gone_{number}.txt").write_text("0 .5 .5 .4 .4\n")
    (root / "labels" / "film.txt").write_text("0 .5 .5 .4 .4\n")
    (root / "images" / "film.gif").write_bytes(b"GIF89a")

    warnings = read_dataset(root).warnings
    assert any(
        line.startswith("3 × labels/gone_0.txt and 2 more like it: a label file whose picture is not there; skipped")
        for line in warnings
    )
    assert len(warnings) == 2, "of a picture in another format only its format is told"


def test_classes_without_a_picture_are_each_named(root: Path) -> None:
    (root / "data.yaml").write_text("names: [hello, thanks, yes, no, please]\n")

    warning = (
        "no picture of class no; the model will not know it; no picture of class please; the model will not know it"
    )
    assert any(warning in line for line in read_dataset(root).warnings)


def test_two_classes_of_one_name_are_said(root: Path) -> None:
    (root / "data.yaml").write_text("names: {0: a, 1: yes, 2: A}\n")

    assert any(": classes 0 and 2 are all called A and count as one" in line for line in read_dataset(root).warnings)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("0 .5 .5 .4 .4 .93", "export labels, not a model's predictions, whose sixth number is a confidence"),
        ("0 .1 .1 .5 .1 .5 .5 .1 .5", "export boxes, not polygons"),
        ("0.0 .5 .5 .4 .4", "the class is a whole number, the others are numbers with a point"),
        ("0 0,5 0,5 0,4 0,4", "the class is a whole number, the others are numbers with a point"),
        ("0", "correct the line"),
    ],
)
def test_the_remedy_fits_the_line(root: Path, line: str, remedy: str) -> None:
    (root / "labels" / "shot_0.txt").write_text(f"{line}\n")

    with pytest.raises(DataError, match=f"expected 'class cx cy width height', found '{line}'; {remedy}"):
        read_dataset(root)


def test_names_above_that_are_of_another_folder_are_pointed_at(root: Path) -> None:
    (root / "data.yaml").rename(root.parent / "data.yaml")

    with pytest.raises(DataError, match=r"found none; .*data.yaml names classes, but not this folder: copy it to"):
        read_dataset(root)
