"""Data as people really have them: nothing is lost, guessed or renamed without a line that says so."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl.datasets.check import check_dataset
from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError

STRANGE = Path(os.environ.get("EDGE_ASL_DATA", "")) / "strange"
needs_data = pytest.mark.skipif("EDGE_ASL_DATA" not in os.environ, reason="EDGE_ASL_DATA names no folder of pictures")


def noise(path: Path, seed: int, side: int = 48) -> Path:
    """A picture unlike any of another seed; of the same seed and another side a scaled copy."""
    picture = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC))
    return path


def boxes(root: Path, numbers: tuple[int, ...] = (0, 1, 2), stem: str = "shot") -> Path:
    """YOLO data: a picture of each class."""
    for number in numbers:
        noise(root / "images" / f"{stem}_{number}.jpg", number)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{stem}_{number}.txt").write_text(f"{number} .5 .5 .4 .4\n")
    return root


def labels_by_number(root: Path) -> dict[int, str]:
    return {int(Path(p.path).stem.rpartition("_")[2]): p.label for p in read_dataset(root).pictures}


WRITTEN = {0: "hello", 1: "thanks", 2: "yes"}


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("labels/classes.txt", "hello\nthanks\nyes\n"),
        ("images/classes.txt", "hello\nthanks\nyes\n"),
        ("asl.yaml", "names: [hello, thanks, yes]\n"),
        ("data.yml", "nc: 3\nnames:\n- hello\n- 'thanks'\n- yes\n"),
        ("../data.yaml", "train: data/images\nnames: {2: yes, 0: hello, 1: thanks}\n"),
        ("../classes.txt", "hello\nthanks\nyes\n"),
        ("obj.names", "hello\r\nthanks\r\nyes\r\n"),
        ("data.yaml", "names:\n  2: yes\n  0: hello  # comment\n  1: thanks\n"),
        ("data.yaml", "# from ü\nnames: {\n  2: yes,\n  0: hello,\n  1: thanks\n}\n"),
        ("classes.txt", "\ufeffhello\nthanks\nyes\n"),
    ],
)
def test_class_names_are_found_where_tools_write_them(tmp_path: Path, where: str, text: str) -> None:
    root = boxes(tmp_path / "data")
    (root / where).write_text(text, encoding="utf-8")
    assert labels_by_number(root) == WRITTEN
    assert any("names are from here" in note and where.removeprefix("../") in note for note in read_dataset(root).notes)


def test_powershell_writes_utf_16(tmp_path: Path) -> None:
    root = boxes(tmp_path / "data")
    (root / "classes.txt").write_text("hello\nthanks\nyes\n", encoding="utf-16")
    assert labels_by_number(root) == WRITTEN


@needs_data
def test_the_strange_files_of_names(tmp_path: Path) -> None:
    root = boxes(tmp_path / "data")
    shutil.copy(STRANGE / "data_order.yaml", root / "data.yaml")
    assert labels_by_number(root) == WRITTEN
    shutil.copy(STRANGE / "data_comma.yaml", root / "data.yaml")
    assert labels_by_number(root) == {0: "yes, please", 1: "no", 2: "hi"}


def test_an_empty_line_is_a_class_without_a_name(tmp_path: Path) -> None:
    root = boxes(tmp_path / "data", (0, 2))
    (root / "classes.txt").write_text("hello\n\nyes\n")
    assert labels_by_number(root) == {0: "hello", 2: "yes"}
    with pytest.raises(DataError, match=r"shot_1.txt:1: expected a class that has a name \(0 to 2\), found 1"):
        read_dataset(boxes(root, (1,)))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"notes.yaml": "a: 1"},
            r"looked for classes.txt, \*.names, and \*.yaml with names in .*labels/.*write .*classes.txt",
        ),
        ({"data.yaml": "names:\n  0: a1\n  0: b1\n"}, "number 0 stands there twice"),
        ({"data.yaml": "nc: 2\nnames: [a1, b1, c1]\n"}, "nc is 2, but names go up to number 2"),
        ({"data.yaml": "names: [a1, b1"}, "data.yaml: not YAML: "),
        ({"data.yaml": "names: hello\n"}, "expected a list or a mapping"),
        (
            {"data.yaml": "names: [a1, b1, c1]\n", "classes.txt": "b1\na1\nc1\n"},
            r"class 0 is a1 here, but b1 in .*classes",
        ),
        ({"classes.txt": b"hell\xf6\n"}, "cannot be read as text"),
    ],
)
def test_names_that_are_not_certain_are_refused(tmp_path: Path, files: dict[str, str | bytes], says: str) -> None:
    root = boxes(tmp_path / "data")
    for name, text in files.items():
        (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError, match=says) as raised:
        read_dataset(root)
    assert "\n" not in str(raised.value)


def test_a_yaml_file_above_that_speaks_of_another_folder_names_nothing(tmp_path: Path) -> None:
    root = boxes(tmp_path / "mine")
    (tmp_path / "coco.yaml").write_text("path: ../coco\nnames: [person, bicycle, car]\n")
    with pytest.raises(DataError, match="expected the names of the classes, found none"):
        read_dataset(root)


def test_letters_are_taken_only_if_the_pictures_say_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, letter in enumerate("ABC"):
        boxes(root, (number,), stem=letter)
    data = read_dataset(root)
    assert data.labels == ("A", "B", "C")
    assert "as the names of all 3 pictures say" in data.notes[0]
    boxes(root, (3,), stem="shot")
    with pytest.raises(DataError, match="expected the names of the classes, found none"):
        read_dataset(root)


def test_missing_label_files_are_counted(tmp_path: Path) -> None:
    root = boxes(tmp_path / "data")
    (root / "classes.txt").write_text("hello\nthanks\nyes\n")
    for number in range(20):
        noise(root / "images" / f"more_{number}.jpg", 100 + number)
    (root / "labels" / "more_3.txt").touch()
    warnings = read_dataset(root).warnings
    assert "19 × images/more_0.jpg and 18 more like it: no label file; skipped; write labels/more_0.txt" in warnings
    assert any("images/more_3.jpg: no box; skipped" in line for line in warnings)


def test_names_are_what_the_user_wrote(tmp_path: Path) -> None:
    names = ["i", "ı", "A", "é", "Hello", "thank you", "i'm fine", "👨\u200d👩\u200d👧", "ß", "می\u200cخواهم", "Del"]
    for seed, name in enumerate(names):
        noise(tmp_path / name / "1.png", seed)
    data = read_dataset(tmp_path)
    assert {unicodedata.normalize("NFC", Path(p.path).parts[0]): p.label for p in data.pictures} == {
        unicodedata.normalize("NFC", name): {"i": "I", "Del": "del"}.get(name, name) for name in names
    }
    assert sum("is class" in note for note in data.notes) == 1
    assert any("2 × " in note and "is class" in note for note in data.notes)


def test_classes_that_differ_in_capitals_are_two_and_a_line_says_so(tmp_path: Path) -> None:
    for seed, name in enumerate(("hello", "Hello", "A")):
        noise(tmp_path / name / "1.png", seed)
    data = read_dataset(tmp_path)
    assert data.labels == ("A", "Hello", "hello")
    assert any("Hello (1) and hello (1): 2 classes" in line for line in data.warnings)
    assert any(finding.kind == "capitals" for finding in check_dataset(tmp_path).findings)


def people(
    root: Path, *, form: str = "NFC", separator: str = "/", labels: tuple[str, ...] = ("é", "ü", "A")
) -> list[str]:
    """72 pictures of three people and their rows of signers.csv, spelled otherwise than the files."""
    rows = []
    for number, label in enumerate(labels):
        for shot in range(24):
            path = Path(unicodedata.normalize(form, label)) / f"{shot}.png"
            noise(root / path, number * 100 + shot)
            rows.append(f"{label}{separator}{shot}.png,{label},p{shot % 3}")
    return rows


@pytest.mark.parametrize(("form", "separator"), [("NFD", "/"), ("NFC", "\\"), ("NFD", "\\")])
def test_rows_find_their_pictures_however_paths_are_spelled(tmp_path: Path, form: str, separator: str) -> None:
    rows = people(tmp_path, form=form, separator=separator)
    (tmp_path / "signers.csv").write_text("\n".join(["file,label,signer", *rows]), encoding="utf-8")
    data = read_dataset(tmp_path)
    assert sorted({p.signer for p in data.pictures}) == ["p0", "p1", "p2"]
    assert not data.warnings


def test_many_rows_without_a_picture_stop_the_build_and_few_are_listed(tmp_path: Path) -> None:
    rows = people(tmp_path)
    table = tmp_path / "signers.csv"
    table.write_text(
        "\n".join(["file,label,signer", *(f"data/{row}" for row in rows[:48]), *rows[48:]]), encoding="utf-8"
    )
    with pytest.raises(
        DataError, match=r"signers.csv:2: 48 of 72 rows name no picture, such as data/é/0.png; there is"
    ):
        read_dataset(tmp_path)
    assert any(f.kind == "signers" and f.severity == "error" for f in check_dataset(tmp_path).findings)
    table.write_text("\n".join(["file,label,signer", *rows[2:], "A/gone.png,A,p1"]), encoding="utf-8")
    warnings = read_dataset(tmp_path).warnings
    assert any("there is no picture A/gone.png" in line for line in warnings)
    assert any("2 × é/0.png and 1 more like it: not in signers.csv: person unknown" in line for line in warnings)


def test_one_person_is_one_however_the_name_is_composed(tmp_path: Path) -> None:
    for seed, person in enumerate((unicodedata.normalize("NFD", "josé-1"), "josé-2", "ann")):
        for label in "AB":
            noise(tmp_path / person / label / "1.png", 10 * seed + ord(label))
    assert {p.signer for p in read_dataset(tmp_path, "people").pictures} == {"josé", "ann"}


def test_what_is_not_read_is_counted_by_its_kind(tmp_path: Path) -> None:
    for number in range(12):
        for label in "AB":
            noise(tmp_path / label / f"{number}.png", number + 50 * (label == "B"))
            (tmp_path / label / f"{number}.gif").write_bytes(b"GIF89a")
    (tmp_path / "A" / "plan.odt").write_text("x")
    (tmp_path / "A" / "IMG_1.AAE").write_text("x")
    warnings = read_dataset(tmp_path).warnings
    assert "24 × A/0.gif and 23 more like it: .gif is not read; skipped; convert it to JPEG or PNG" in warnings
    assert "A/plan.odt: not a picture; skipped; move it elsewhere" in warnings
    assert len(warnings) == 2, "what an iPhone writes beside a picture is nothing to speak of"


LITTER = (
    *("A/@eaDir/0.png/SYNOPHOTO_THUMB_XL.jpg", "@eaDir/A/0.jpg", "#recycle/B/9.png", "__MACOSX/A/._0.png"),
    *("A/.thumbnails/0.png", "$RECYCLE.BIN/x.png", "A/.ipynb_checkpoints/0-checkpoint.png", "lost+found/y.png"),
    *("A/Thumbs.db", "A/._0.png", ".DS_Store", "A/.hidden.png", "@Recently-Snapshot/A/0.png", "A/AlbumArtSmall.jpg"),
)


def test_litter_does_not_count_and_a_line_says_so(tmp_path: Path) -> None:
    wanted = {noise(tmp_path / label / f"{n}.png", n + 50 * (label == "B")) for label in "AB" for n in range(3)}
    for number, name in enumerate(LITTER):
        noise(tmp_path / "x.png", 900 + number)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x.png").rename(tmp_path / name)
    data = read_dataset(tmp_path)
    assert {data.file_of(p) for p in data.pictures} == wanted
    assert data.labels == ("A", "B")
    assert any("left by a system or tool, or hidden; skipped" in note for note in data.notes)
    assert not data.warnings


def test_thumbnails_under_any_name_are_seen_as_copies(tmp_path: Path) -> None:
    for number in range(6):
        for label in "AB":
            noise(tmp_path / label / f"{number}.png", number + 50 * (label == "B"), side=192)
    for number in range(4):
        noise(tmp_path / "A" / "small" / f"t{number}.png", number, side=48)
    found = next(f for f in check_dataset(tmp_path).findings if f.kind == "thumbnails")
    assert (found.count, found.paths[0]) == (4, "A/small/t0.png ~ A/0.png")


def test_the_same_picture_under_two_labels_is_said_in_a_build(tmp_path: Path) -> None:
    for number in range(3):
        for label in "AB":
            noise(tmp_path / label / f"{number}.png", number + 50 * (label == "B"))
    shutil.copy(tmp_path / "A" / "1.png", tmp_path / "B" / "9.png")
    assert read_dataset(tmp_path).warnings == (
        "B/9.png: the same picture as A/1.png, under another label; look at them and remove the wrong one",
    )


def test_pictures_of_an_iphone_count(tmp_path: Path) -> None:
    heic = Path(__file__).parents[2] / "data" / "heic"
    for label, turn in (("A", 1), ("B", 6)):
        (tmp_path / label).mkdir()
        shutil.copy(heic / f"rgb-{turn}.heic", tmp_path / label / "IMG_0001.HEIC")
    data = read_dataset(tmp_path)
    assert [data.load(p).shape for p in data.pictures] == [(48, 64, 3)] * 2
    assert not data.warnings


def test_one_class_can_be_measured_but_not_trained(tmp_path: Path) -> None:
    noise(tmp_path / "A" / "1.png", 1)
    assert read_dataset(tmp_path, least=1).labels == ("A",)
    with pytest.raises(DataError, match="expected two classes or more, found only class A"):
        read_dataset(tmp_path)
