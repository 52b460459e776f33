"""Data as public bug reports describe them: lists that are not quite lists, tables that a spreadsheet wrote."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_as_people_have_them import boxes, noise

from edge_asl.datasets.check import check_dataset, format_summary
from edge_asl.datasets.labels import choose_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError, ModelError
from edge_asl.imports.labels import read_labels
from edge_asl_device.contract.pictures import decode_picture
from edge_asl_device.errors import PictureError


def classes(root: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        noise(root / name / "1.png", seed)
    return root


def warnings(root: Path) -> str:
    return "\n".join(read_dataset(root).warnings)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("# my classes\nhello\nthanks\nyes\n", 1, "remove the comment: every line is a class"),
        ("hello\n//thanks\nyes\n", 2, "remove the comment"),
        ('"hello",\n"thanks",\n"yes"\n', 1, "without quotes and commas"),
        ("hello,\nthanks,\nyes\n", 1, "without quotes and commas"),
        ("0 hello\n1 thanks\n2 yes\n", 1, "remove the numbers: a line's place is its number, the first is 0"),
        ("hello\x0cthanks\n# yes\n", 2, "remove the comment"),
        ("1: hello\n2: thanks\n3: yes\n", 1, "remove the numbers"),
    ],
)
def test_a_line_that_is_more_than_a_name_is_refused(tmp_path: Path, text: str, line: int, says: str) -> None:
    root = boxes(tmp_path / "data")
    (root / "classes.txt").write_text(text)

    with pytest.raises(DataError, match=rf"classes.txt:{line}: expected only the name of class .*{says}"):
        read_dataset(root)


@pytest.mark.parametrize("names", [("#1", "#2", "#3"), ("#", "*", "&"), ("2 hands", "1 hand", "yes, please")])
def test_odd_names_are_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    root = boxes(tmp_path / "data")
    (root / "classes.txt").write_text("\n".join(names))

    assert set(read_dataset(root).labels) == set(names)


def test_text_in_utf_16_is_read_with_its_mark_and_named_without(tmp_path: Path) -> None:
    root = boxes(tmp_path / "data")
    (root / "classes.txt").write_text("hello\nthanks\nyes\n")
    (root / "labels" / "shot_0.txt").write_text("0 .5 .5 .4 .4\n", encoding="utf-16")
    (root / "signers.csv").write_text("file,label,signer\nimages/shot_0.jpg,hello,ann\n", encoding="utf-16")

    assert {picture.signer for picture in read_dataset(root).pictures} == {"ann", None}
    for name in ("classes.txt", "signers.csv", "labels/shot_0.txt"):
        whole = (root / name).read_bytes()
        (root / name).write_bytes("hello\n".encode("utf-16-le"))
        with pytest.raises(DataError, match=f"{name}: expected text, found zero bytes: UTF-16 without its mark"):
            read_dataset(root)
        (root / name).write_bytes(whole)
    (tmp_path / "labels.txt").write_bytes("hello\n".encode("utf-16-le"))
    with pytest.raises(ModelError, match="UTF-16 without its mark"):
        read_labels(tmp_path / "labels.txt")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('A/1.png,A,"ann\nlee"', "signers.csv:3: expected text, found 'ann.nlee'"),
        ('A/1.png,A,"ann\nB/1.png,B,bob', "unexpected end of data; look for a quote that is not closed"),
        ("A/1.png,A,#NAME?", "signers.csv:2: expected text, found '#NAME.'"),
        ("A/1.png,A,=B2", "signers.csv:2: expected text, found '=B2'"),
        ("A/1.png,,ann", "signers.csv:2: label ''"),
    ],
)
def test_cells_that_are_no_names_are_refused(tmp_path: Path, row: str, says: str) -> None:
    root = classes(tmp_path, "A", "B")
    (root / "signers.csv").write_text(f"file,label,signer\n{row}\n")

    with pytest.raises(DataError, match=says):
        read_dataset(root)


def test_empty_rows_say_nothing_and_empty_names_are_told(tmp_path: Path) -> None:
    root = classes(tmp_path, "A", "B")
    (root / "signers.csv").write_text("file,label,signer\r\nA/1.png,A,ann\r\n,,\r\n\r\nB/1.png,B, \r\n,,\r\n")

    assert warnings(root) == "B/1.png: no person stands in signers.csv: person unknown; correct signers.csv"


def test_letters_of_another_script_are_told(tmp_path: Path) -> None:
    twins = warnings(classes(tmp_path / "a", "A", "\u0410", "B"))
    words = warnings(classes(tmp_path / "c", "hello", "hell\u043e", "B"))
    alone = warnings(classes(tmp_path / "b", "\u0391", "\uff22", "C", "D", "E", "wi\u0441e"))

    assert "A (1) and \u0410 [U+0410 CYRILLIC CAPITAL LETTER A] (1): 2 classes that differ only in letters" in twins
    assert "hell\u043e [U+043E CYRILLIC SMALL LETTER O] (1)" in words
    for said in ("like A, but is written [U+0391 GREEK", "like B, but is written [U+FF22", "like wice, but is written"):
        assert said in alone


def test_so_is_a_class_that_is_left_out_for_such_a_letter(tmp_path: Path) -> None:
    data = read_dataset(classes(tmp_path, "A", "\u0410", "B"), labels=choose_labels(["A-Z"]))

    assert data.labels == ("A", "B")
    assert any("\u0410 [U+0410 CYRILLIC CAPITAL LETTER A]" in line for line in data.warnings)


@pytest.mark.parametrize("names", ["АБВГД", "ΑΒΓΔΟ", "ＡＢＣ", "0O1Il", ("Да", "Нет", "del")])
def test_an_alphabet_of_its_own_is_no_matter(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert not warnings(classes(tmp_path, *names))


def test_classes_called_like_copies_are_told(tmp_path: Path) -> None:
    said = warnings(classes(tmp_path, "A", "B", "A - Copy", "B (1)", "hand (2)", "❤", "❤\ufe0f"))

    assert "class A - Copy and 1 more like it: called like a copy of class A" in said
    assert "called like a copy of class B" in said
    assert "hand" not in said
    assert "❤\ufe0f [U+FE0F VARIATION SELECTOR-16] (1): 2 classes that differ only in" in said


def test_what_is_not_looked_into_is_told(tmp_path: Path) -> None:
    root = classes(tmp_path, "A", "B")
    noise(root / "A/1/2/3/4/5/6/7/1.png", 9)
    (root / "A" / "again").symlink_to(root / "A")
    (root / "B" / "up").symlink_to(root)
    (root / "B" / "gone.png").symlink_to("/nowhere/1.png")
    (root / "C").symlink_to("/nowhere/C")

    assert len(read_dataset(root).pictures) == 2
    for said in (
        "A/1/2/3/4/5/6: a folder more than 6 levels down; not looked into",
        "2 × A/again and 1 more like it: a link to a folder around it; not followed",
        "2 × B/gone.png and 1 more like it: a link to something that is not there; skipped",
    ):
        assert said in warnings(root)


def test_a_class_whose_pictures_lie_too_deep_is_refused_with_the_reason(tmp_path: Path) -> None:
    noise(classes(tmp_path, "A", "B") / "C/1/2/3/4/5/6/7/1.png", 9)

    with pytest.raises(DataError, match=r"no pictures of class C.*C/1/2/3/4/5/6: a folder more than 6 levels down"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("names", [("ann/day1/A", "ann/day1/B", "bob/day1/A", "bob/day1/B"), ("a1/b1/c1/d1/A",) * 2])
def test_people_and_collections_are_not_taken_for_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    classes(tmp_path, *names, *(name.replace("A", "B") for name in names))

    with pytest.raises(DataError, match="expected a folder of one class or person, found folders of classes further d"):
        read_dataset(tmp_path)


def test_where_either_could_be_the_class_it_is_told(tmp_path: Path) -> None:
    classes(tmp_path, *(f"{outer}/{inner}" for outer in ("ann", "bob") for inner in ("hello", "yes")))

    assert "ann … bob: 2 folders that each hold hello, yes; the outer ones count as classes" in warnings(tmp_path)
    assert set(read_dataset(tmp_path, "people").labels) == {"hello", "yes"}


def test_folders_that_are_taken_for_people_are_told(tmp_path: Path) -> None:
    notes = read_dataset(classes(tmp_path, "hello/1", "hello/2", "yes/1", "yes/2")).notes

    assert any("which count as people; if they are classes, move the pictures up" in note for note in notes)


def test_folders_within_classes_are_no_more_than_noted(tmp_path: Path) -> None:
    data = read_dataset(classes(tmp_path, "A/ann", "A/bob", "B/ann", "B/1"))

    assert data.labels == ("A", "B")
    assert not data.warnings
    assert any("A/ann and 1 more like it: folders within the folder of a class" in note for note in data.notes)


@pytest.mark.parametrize("name", ["A_0.txt", "B_1.xml", "_annotations.coco.json", "_classes.csv"])
def test_labels_beside_pictures_named_after_a_class_are_told(tmp_path: Path, name: str) -> None:
    for seed, letter in enumerate("AB"):
        noise(tmp_path / f"{letter}_{seed}.png", seed)
    (tmp_path / name).write_text("1 .5 .5 .4 .4\n")

    assert warnings(tmp_path).startswith(f"{name}: labels beside the pictures are not read; a picture's class is what")


def test_a_part_without_labels_is_told(tmp_path: Path) -> None:
    root = boxes(tmp_path / "train").parent
    (root / "data.yaml").write_text("names: [hello, thanks, yes]\n")
    noise(root / "test" / "images" / "1.png", 9)
    (root / "film.mp4").write_bytes(b"x")

    assert "test: a folder of pictures without labels/ beside images/; skipped" in warnings(root)
    assert "film.mp4: .mp4 is not read; skipped" in warnings(root)


def test_folders_in_capitals_are_named(tmp_path: Path) -> None:
    root = boxes(tmp_path)
    (root / "labels").rename(root / "Labels")

    with pytest.raises(DataError, match=re.escape(f"{root}/Labels: expected YOLO's folders images/ and labels/; ren")):
        read_dataset(root)


def test_a_name_that_cannot_be_a_class_comes_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/A\u200b: label 'A.u200b': not a printable word"):
        read_dataset(classes(tmp_path, "A\u200b", "B"))


TABLE = "label," + ",".join(f"pixel{number}" for number in range(1, 785))
ROW = "," + ",".join(["7"] * 784)


@pytest.mark.parametrize("label", ["3.0", "-1", "nan", "+2"])
def test_numbers_that_are_no_letters_number_are_no_words(tmp_path: Path, label: str) -> None:
    (tmp_path / "train.csv").write_text(f"{TABLE}\n0{ROW}\n{label}{ROW}\n")

    with pytest.raises(DataError, match=r"train.csv#2: expected a letter, a word or a whole number 0–25"):
        read_dataset(tmp_path)


def test_what_lies_beside_tables_of_pixels_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"{TABLE}\n0{ROW}\n1{ROW}\n")
    (tmp_path / "test.csv").write_text(TABLE.removeprefix("label,") + "\n" + ROW[1:] + "\n")
    noise(tmp_path / "A" / "1.png", 1)

    data = read_dataset(tmp_path)
    assert len(data.pictures) == 2
    assert any("test.csv: expected a table that begins label,pixel1, found pixel1,pixel2" in w for w in data.warnings)
    assert any("A: folders and pictures beside tables of pixels are not read" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("archive.zip", b"PK", "found archive.zip: unpack it"),
        ("train.csv", TABLE.replace(",", ";").encode(), "train.csv begins with label;pixel1;pixel2…"),
        ("train.csv", TABLE.encode("utf-16"), "train.csv begins with UTF-16, not UTF-8"),
        ("512.png", b"x", "found 1 pictures whose names start with no class, such as 512.png"),
    ],
)
def test_what_is_there_instead_of_data_is_said(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(DataError, match="found an empty folder"):
        read_dataset(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(says)):
        read_dataset(tmp_path)


def test_pictures_that_move_or_were_never_written_are_refused() -> None:
    with pytest.raises(PictureError, match="found only zero bytes; it was never copied to its end, or is in a cloud"):
        decode_picture(bytes(5000), "1.jpg")
    still = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    moving = still[:33] + struct.pack(">I4sIII", 8, b"acTL", 2, 0, 0) + still[33:]
    assert decode_picture(still, "1.png").shape == (8, 8, 3)
    with pytest.raises(PictureError, match="found an animated PNG"):
        decode_picture(moving, "1.png")


def test_names_with_line_ends_and_colours_stay_on_their_line(tmp_path: Path) -> None:
    root = classes(tmp_path, "A", "B")
    (root / "A" / "evil\x1b[2J\nname.txt").write_text("x")

    assert warnings(root).startswith(r"A/evil\x1b[2J\nname.txt: not a picture; skipped")
    assert r"A/evil\x1b[2J\nname.txt" in format_summary(check_dataset(root))


def test_names_are_utf8_even_where_python_is_told_otherwise(tmp_path: Path) -> None:
    root = classes(tmp_path, "A", "grün")
    command = [sys.executable, "-m", "edge_asl", "data", "check", str(root), "--json"]
    posix = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, env=posix, capture_output=True, timeout=120, check=False)

    assert json.loads(done.stdout)["per_class"] == {"A": 1, "grün": 1}
