"""Names that hardly differ, were changed or are looked for in vain: each is told where the user looks."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from test_as_people_have_them import noise

from edge_asl.datasets.check import check_dataset
from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError


def classes(root: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        noise(root / name / "1.png", seed)
    return root


def table(root: Path, people: tuple[str, ...], name: str = "signers.csv") -> Path:
    """A signers.csv that names ``people`` in turn."""
    pictures = sorted(path for path in root.rglob("*.png"))
    rows = [f"{p.relative_to(root)},{p.parent.name},{people[i % len(people)]}" for i, p in enumerate(pictures)]
    (root / name).write_text("\n".join(["file,label,signer", *rows]) + "\n", encoding="utf-8")
    return root


def test_every_class_that_was_renamed_is_told(tmp_path: Path) -> None:
    notes = read_dataset(classes(tmp_path, "None", "delete", "a", "B")).notes

    assert "3 × None and 2 more like it: None is class nothing; a is class A; delete is class del" in notes


@pytest.mark.parametrize("names", [("Ａ", "A"), ("thank you", "thank  you"), ("ﬁne", "fine"), ("Hi", "HI")])
def test_classes_that_look_alike_are_told(tmp_path: Path, names: tuple[str, str]) -> None:
    data = read_dataset(classes(tmp_path, *names, "L"))

    assert len(data.labels) == 3
    assert any("2 classes that differ only in capitals, width or spaces" in line for line in data.warnings)


def test_folders_that_become_one_class_are_told_in_a_build(tmp_path: Path) -> None:
    data = read_dataset(classes(tmp_path, "é", unicodedata.normalize("NFD", "é"), "L"))

    assert data.labels == ("L", "é")
    assert any(r"folders merged into one class é: 'e\u0301', é" in note for note in data.notes)


def test_people_who_differ_in_capitals_are_told(tmp_path: Path) -> None:
    root = table(classes(tmp_path, "A", "B", "C"), ("Ann", "ann", "bob"))

    warning = "Ann (1) and ann (1): 2 people that differ only in capitals, width or spaces"
    assert any(warning in line for line in read_dataset(root).warnings)
    assert any(finding.kind == "people-alike" for finding in check_dataset(root).findings)


def test_each_row_without_a_picture_is_told(tmp_path: Path) -> None:
    root = table(classes(tmp_path, *"ABCDEFGH"), ("ann", "bob"))
    with (root / "signers.csv").open("a") as file:
        file.write("A/gone.png,A,ann\nB/lost.png,B,bob\n")

    lines = [line for line in read_dataset(root).warnings if "signers.csv" in line]
    assert len(lines) == 1
    assert "there is no picture A/gone.png; there is no picture B/lost.png; correct signers.csv" in lines[0]


@pytest.mark.parametrize("name", ["Signers.CSV", "signers.csv.txt", "signers.xlsx", "signer.csv", "signers (1).csv"])
def test_a_table_that_is_called_otherwise_is_told(tmp_path: Path, name: str) -> None:
    root = table(classes(tmp_path, "A", "B"), ("ann", "bob"), name)

    assert any(
        line.startswith(f"{name}: people are read only from signers.csv") for line in read_dataset(root).warnings
    )


def test_so_is_one_in_a_part_of_the_data(tmp_path: Path) -> None:
    table(classes(tmp_path / "train", "A", "B"), ("ann", "bob"))

    warnings = read_dataset(tmp_path).warnings
    assert any(line.startswith("train/signers.csv: people are read only from") for line in warnings)


def test_the_right_table_is_no_matter(tmp_path: Path) -> None:
    root = table(classes(tmp_path, "A", "B"), ("ann", "bob"))
    (root / "signers-old.csv").write_text("x")

    assert not read_dataset(root).warnings


def test_semicolons_are_told(tmp_path: Path) -> None:
    root = classes(tmp_path, "A", "B")
    (root / "signers.csv").write_text("file;label;signer\nA/1.png;A;ann\n")

    with pytest.raises(
        DataError, match="expected the header file,label,signer, with commas between, found 'file;label"
    ):
        read_dataset(root)
