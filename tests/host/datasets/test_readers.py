"""Readers against folders made here and against the real ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl.datasets.labels import label_in_name, normalise_label, order_labels
from edge_asl.datasets.readers import detect_layout, read_dataset
from edge_asl.errors import DataError
from edge_asl_device.contract.preprocess import Box
from edge_asl_device.errors import PictureError

REAL = os.environ.get("EDGE_ASL_DATA")
needs_data = pytest.mark.skipif(REAL is None, reason="EDGE_ASL_DATA names no folder of real pictures")


def draw(path: Path, seed: int = 0, size: tuple[int, int] = (48, 64)) -> Path:
    """Write a drawn picture; another seed, another content."""
    picture = np.full((*size, 3), 200, np.uint8)
    cv2.circle(picture, (10 + seed % 40, 10 + seed // 40 % 30), 9, (30, 90, 160), -1)
    picture[0, 0] = seed % 256, seed // 256 % 256, 7
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number, name in enumerate(("A/A12.jpg", "A/IMG_7.JPG", "b/1.png", "Del/D3.jpg", "7/x.jpg")):
        draw(tmp_path / name, number)
    return tmp_path


def test_folders(folders: Path) -> None:
    for litter in ("A/Thumbs.db", "A/.hidden.jpg", "hand-free.txt", "LICENSE", "A/notes.txt"):
        (folders / litter).write_text("x")
    data = read_dataset(folders)
    assert data.layout == "folders"
    assert data.labels == ("7", "A", "B", "del")
    assert [p.path for p in data.pictures] == ["7/x.jpg", "A/A12.jpg", "A/IMG_7.JPG", "Del/D3.jpg", "b/1.png"]
    assert [p.block for p in data.pictures] == [None, 12, 7, 3, 1]
    frame = data.load(data.pictures[0])
    assert frame.shape == (48, 64, 3)
    assert frame.dtype == np.uint8


@pytest.mark.parametrize("top", ["asl_alphabet_train", "train", "anything"])
def test_one_wrapping_folder(tmp_path: Path, top: str) -> None:
    for label in "AB":
        draw(tmp_path / top / label / f"{label}1.jpg")
    assert [p.path for p in read_dataset(tmp_path).pictures] == [f"{top}/A/A1.jpg", f"{top}/B/B1.jpg"]


def test_kaggle_archive_with_a_flat_test_folder(tmp_path: Path) -> None:
    for label in ("A", "B", "space"):
        draw(tmp_path / f"asl_alphabet_train/asl_alphabet_train/{label}/{label}1.jpg")
        draw(tmp_path / f"asl_alphabet_test/asl_alphabet_test/{label}_test.jpg")
    data = read_dataset(tmp_path)
    assert data.labels == ("A", "B", "space")
    assert len(data.pictures) == 6


def test_a_folder_for_each_person(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        for label in "AB":
            draw(tmp_path / person / label / "1.jpg")
    data = read_dataset(tmp_path, signer_pattern=r"^(?P<signer>[^/]+)/")
    assert data.labels == ("A", "B")
    assert {p.signer for p in data.pictures} == {"ann", "bob"}
    with pytest.raises(DataError, match="matches no path"):
        read_dataset(tmp_path, signer_pattern=r"^(xyz)/")
    with pytest.raises(DataError, match="has no group"):
        read_dataset(tmp_path, signer_pattern=r"^x")
    with pytest.raises(DataError, match="not a regular expression"):
        read_dataset(tmp_path, signer_pattern=r"(")


def test_signers_table(folders: Path) -> None:
    rows = ["file,label,signer", "A/A12.jpg,A,s1", "b/1.png,B,s2", "A/gone.jpg,A,s1"]
    (folders / "signers.csv").write_text("\n".join(rows))
    signers = {p.path: p.signer for p in read_dataset(folders).pictures}
    assert signers["A/A12.jpg"] == "s1"
    assert signers["7/x.jpg"] is None
    (folders / "signers.csv").write_text("\n".join([*rows, "Del/D3.jpg,A,s3"]))
    with pytest.raises(DataError, match=r"signers.csv:5: Del/D3.jpg is del by its folder, but A here"):
        read_dataset(folders)
    (folders / "signers.csv").write_text("name,who\n")
    with pytest.raises(DataError, match="expected the header"):
        read_dataset(folders)


def test_augmented_copies_in_class_folders_share_a_burst(tmp_path: Path) -> None:
    for name in ("A/0_jpg.rf.a1.jpg", "A/0_jpg.rf.b2.jpg", "B/0_jpg.rf.c3.jpg"):
        draw(tmp_path / name)
    assert [(p.burst, p.block) for p in read_dataset(tmp_path).pictures] == [("A/0", 0), ("A/0", 0), ("B/0", 0)]


def test_flat(tmp_path: Path) -> None:
    names = ("A_34.jpg", "b34.jpg", "del12.jpg", "space_3.png", "C_test.jpg", "5_12.jpg", "hello_2.jpg", "IMG_1.jpg")
    for number, name in enumerate(names):
        draw(tmp_path / name, number)
    data = read_dataset(tmp_path)
    assert data.layout == "flat"
    assert data.labels == ("5", "A", "B", "C", "del", "hello", "space")
    assert "IMG_1.jpg" not in {p.path for p in data.pictures}


def write_table(path: Path, labels: list[object], seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 784), dtype=np.uint8)
    header = ",".join(["label", *(f"pixel{n}" for n in range(1, 785))])
    rows = [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return pixels.reshape(-1, 28, 28)


def test_pixel_tables(tmp_path: Path) -> None:
    numbers = [0, 1, 10, 24, 0, 1, 2, 3, 4, 5, 6]
    pixels = write_table(tmp_path / "train.csv", numbers)
    write_table(tmp_path / "test.csv", [24], seed=1)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    data = read_dataset(tmp_path)
    assert data.layout == "csv"
    assert len(data.pictures) == 12
    label = {p.path: p.label for p in data.pictures}
    assert (label["train.csv#1"], label["train.csv#3"], label["test.csv#1"]) == ("A", "K", "Y")
    for picture in data.pictures:
        if picture.path.startswith("train"):
            grey = pixels[int(picture.path.partition("#")[2]) - 1]
            assert np.array_equal(data.load(picture), np.repeat(grey[:, :, None], 3, axis=2))
    assert len(read_dataset(tmp_path / "train.csv").pictures) == 11


def test_pixel_table_with_windows_lines_and_letters(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ["A", "del"])
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes().replace(b"\n", b"\r\n"))
    assert read_dataset(tmp_path).labels == ("A", "del")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0,1," + ",".join(["256"] * 783), "numbers 0–255, found '256' for pixel2"),
        ("0," + ",".join(["x"] * 784), "numbers 0–255, found 'x' for pixel1"),
        ("0,1,2", "784 pixels, found 2"),
        ("26," + ",".join(["1"] * 784), "0–25"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, says: str) -> None:
    write_table(tmp_path / "t.csv", [0, 1])
    with (tmp_path / "t.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(DataError, match=rf"t.csv#3: expected .*{says}"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (",".join(f"pixel{i}" for i in range(1, 785)), "pixel1,pixel2,pixel3…"),
        ("letter," + ",".join(f"pixel{i}" for i in range(1, 785)), "letter,pixel1,pixel2…"),
        ("", "nothing"),
    ],
)
def test_a_table_with_another_head_is_named(tmp_path: Path, head: str, found: str) -> None:
    (tmp_path / "t.csv").write_text(f"{head}\n")
    (tmp_path / "scores.csv").write_text("file,score\n")
    with pytest.raises(DataError, match=rf"found none of them; t\.csv begins with {found}$"):
        read_dataset(tmp_path)


def test_a_table_that_could_be_digits(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", list(range(10)))
    with pytest.raises(DataError, match="could be the digits"):
        read_dataset(tmp_path)


def test_letters_from_a_to_j_are_no_digits(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", list("ABCDEFGHIJ"))
    assert read_dataset(tmp_path).labels == tuple("ABCDEFGHIJ")


def make_yolo(root: Path, boxes: dict[str, str]) -> None:
    for number, (name, text) in enumerate(boxes.items()):
        draw(root / "images" / f"{name}.jpg", number)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{name}.txt").write_text(text)


def test_yolo(tmp_path: Path) -> None:
    two = "1 .5 .5 .2 .2\n0 .5 .5 .1 .1\n"
    make_yolo(tmp_path, {"A0_jpg.rf.a1": "0 0.5 0.4 0.2 0.1", "A0_jpg.rf.b2": "0 .5 .5 .5 .5", "B7_jpg.rf.c": two})
    data = read_dataset(tmp_path)
    assert data.layout == "yolo"
    assert data.labels == ("A", "B")
    assert data.pictures[0].box == Box(0.5, 0.4, 0.2, 0.1)
    assert [p.burst for p in data.pictures] == ["A0", "A0", "B7"]
    assert [p.block for p in data.pictures] == [0, 0, 7]
    (tmp_path / "labels/A0_jpg.rf.a1.txt").write_text("0 0.5 0.4 0.2 0.2")
    assert read_dataset(tmp_path).digest != data.digest, "a moved box is other data"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "yes\nNo\n"),
        ("data.yaml", "train: ../train\nnc: 2\nnames: ['yes', \"No\"]\nroboflow:\n  x: 1\n"),
        ("data.yaml", "names:\n- yes\n- No  # comment\nnc: 2\n"),
        ("data.yaml", "names:\n  0: yes\n  1: No\n"),
    ],
)
def test_yolo_class_names(tmp_path: Path, name: str, text: str) -> None:
    make_yolo(tmp_path, {"x1": "0 .5 .5 .2 .2", "x2": "1 .5 .5 .2 .2"})
    (tmp_path / name).write_text(text)
    assert read_dataset(tmp_path).labels == ("No", "yes")


def test_yolo_in_parts(tmp_path: Path) -> None:
    make_yolo(tmp_path / "train", {"A1": "0 .5 .5 .2 .2"})
    make_yolo(tmp_path / "valid", {"B1": "1 .5 .5 .2 .2"})
    assert [p.path for p in read_dataset(tmp_path).pictures] == ["train/images/A1.jpg", "valid/images/B1.jpg"]


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ({"A1": "0 .5 .5 .2", "B1": "1 .5 .5 .2 .2"}, r"A1.txt:1: expected 'class cx cy width height'"),
        ({"A1": "0 5 .5 .2 .2", "B1": "1 .5 .5 .2 .2"}, r"A1.txt:1: expected a box within 0–1"),
        ({"A1": "26 .5 .5 .2 .2", "B1": "1 .5 .5 .2 .2"}, r"a class that has a name \(0 to 25\), found 26"),
        (
            {"A1": "5 .5 .5 .2 .2", "B1": "6 .5 .5 .2 .2"},
            r"expected the names of the classes, found none; looked for classes.txt",
        ),
    ],
)
def test_yolo_refuses(tmp_path: Path, boxes: dict[str, str], says: str) -> None:
    make_yolo(tmp_path, boxes)
    with pytest.raises(DataError, match=says):
        read_dataset(tmp_path)


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder of pictures"):
        read_dataset(tmp_path / "gone")
    with pytest.raises(DataError, match="expected a folder per class"):
        read_dataset(tmp_path)
    draw(tmp_path / "A" / "1.jpg")
    with pytest.raises(DataError, match="expected two classes or more, found only class A"):
        read_dataset(tmp_path)
    (tmp_path / "B").mkdir()
    with pytest.raises(DataError, match=r"B: no pictures of class B"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="expected one of auto"):
        read_dataset(tmp_path, "zip")
    with pytest.raises(DataError, match="found a file"):
        read_dataset(tmp_path / "A" / "1.jpg", "folders")


def test_ambiguous_layout(folders: Path) -> None:
    draw(folders / "A_1.jpg")
    with pytest.raises(DataError, match=r"A_1.jpg \(flat\) and 7/ \(folders\)"):
        detect_layout(folders)
    assert read_dataset(folders, "folders").layout == "folders"
    draw(folders / "train" / "A" / "1.jpg")
    with pytest.raises(DataError, match="beside train/"):
        read_dataset(folders, "folders")


def test_unreadable_pictures_wait_until_they_are_loaded(folders: Path) -> None:
    (folders / "A" / "empty.jpg").touch()
    (folders / "A" / "text.jpg").write_text("not a picture")
    data = read_dataset(folders)
    for picture in data.pictures:
        if picture.path in {"A/empty.jpg", "A/text.jpg"}:
            with pytest.raises(PictureError, match=r"A/(empty|text).jpg: not a picture"):
                data.load(picture)


def test_a_picture_with_an_orientation_is_turned(folders: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    left_red = np.zeros((40, 80, 3), np.uint8)
    left_red[:, :40, 0] = 255
    Image.fromarray(left_red).save(folders / "A" / "turned.jpg", exif=exif, quality=95)
    data = read_dataset(folders)
    frame = data.load(next(p for p in data.pictures if p.path == "A/turned.jpg"))
    assert frame.shape == (80, 40, 3)
    assert frame[10, 20, 0] > 200 > 60 > frame[70, 20, 0], "what was left is now on top"


def test_digest_follows_what_matters(folders: Path) -> None:
    digest = read_dataset(folders).digest
    assert read_dataset(folders).digest == digest
    os.utime(folders / "A" / "A12.jpg", (1, 1))
    assert read_dataset(folders).digest == digest, "the time of a file is not its content"
    draw(folders / "A" / "A12.jpg", 99)
    changed = read_dataset(folders).digest
    assert changed != digest
    (folders / "A" / "A12.jpg").rename(folders / "b" / "A12.jpg")
    assert read_dataset(folders).digest not in (digest, changed)


def test_cache_remembers_and_is_never_believed_against_the_file(
    folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache") / "made" / "hashes.json"
    for path in folders.rglob("*.*"):
        os.utime(path, (1_000_000, 1_000_000))
    digest = read_dataset(folders, cache=cache).digest
    assert len(json.loads(cache.read_text())["files"]) == 5
    written_ns = cache.stat().st_mtime_ns
    assert read_dataset(folders, cache=cache).digest == digest
    assert cache.stat().st_mtime_ns == written_ns, "nothing new, nothing written"
    draw(folders / "A" / "A12.jpg", 99)
    fresh = read_dataset(folders).digest
    assert read_dataset(folders, cache=cache).digest == fresh != digest
    young = json.loads(cache.read_text())["files"][str(folders / "A/A12.jpg")]
    assert young[1] == -1, "too young: it is hashed again next time"
    for rubbish in ("", "{", '{"files": 1}', '{"root": "/elsewhere"}'):
        cache.write_text(rubbish)
        assert read_dataset(folders, cache=cache).digest == fresh


def test_labels() -> None:
    assert [normalise_label(t) for t in ("a", "Del", "delete", "None", "Space", "7", " Hello ", "ı", "é")] == [
        *("A", "del", "del", "nothing", "space", "7", "Hello", "ı", "é")
    ]
    assert order_labels(["space", "B", "10", "2", "A", "del"]) == ("2", "10", "A", "B", "del", "space")
    assert normalise_label("e\u0301") == normalise_label("\u00e9"), "composed and decomposed are one class"
    names = {"A": "A", "A34": "A", "A_b": "A", "N_1": "N", "5_12": "5", "512": None, "IMG_3": None, "amer_sign2": None}
    names |= {"a" * 65 + "_1": None}
    assert {name: label_in_name(name) for name in names} == names
    for wrong in ("", "  ", "a\nb", "x" * 65, "a\u00a0b", "\u202ea"):
        with pytest.raises(DataError):
            normalise_label(wrong)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, edge_asl.datasets.check, edge_asl.datasets.readers, edge_asl.datasets.splits;"
        "print([m for m in ('imagehash', 'scipy', 'PIL', 'tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def bytes_read() -> int:
    """By this process so far, from whatever file."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("rchar"))


@needs_data
@pytest.mark.parametrize(
    ("name", "pictures", "classes", "people", "layout"),
    [
        ("digits", 1662, 10, 182, "folders"),
        ("letters", 4640, 29, 0, "folders"),
        ("letters-boxes", 1728, 26, 0, "yolo"),
        ("letters-rooms", 870, 29, 0, "folders"),
        ("people/t32rahman", 520, 26, 0, "folders"),
        ("stranger", 520, 26, 0, "folders"),
    ],
)
def test_real_folders(tmp_path: Path, name: str, pictures: int, classes: int, people: int, layout: str) -> None:
    root, cache = Path(REAL or "") / name, tmp_path / "cache.json"
    data = read_dataset(root, cache=cache)
    assert (len(data.pictures), len(data.labels), data.layout) == (pictures, classes, layout)
    assert len({p.signer for p in data.pictures} - {None}) == people
    assert all((p.box is not None) == (layout == "yolo") for p in data.pictures)
    before = bytes_read()
    assert read_dataset(root, cache=cache).digest == data.digest
    assert bytes_read() - before < 200 * pictures + cache.stat().st_size, "no picture is read a second time"
    assert data.load(data.pictures[-1]).dtype == np.uint8
