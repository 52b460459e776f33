"""Several data folders as one data set."""

import os
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_asl.datasets.check import check_dataset, format_summary
from edge_asl.datasets.labels import choose_labels
from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.splits import make_split, pictures_of
from edge_asl.errors import DataError

REAL = os.environ.get("EDGE_ASL_DATA")
needs_data = pytest.mark.skipif(REAL is None, reason="EDGE_ASL_DATA names no folder of real pictures")


def draw(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(small, (48, 48), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Class folders, nobody named, one of the class names in another spelling."""
    for number, name in enumerate(("A/1.jpg", "B/0_jpg.rf.a.jpg", "Del/D1.jpg", "7/x.jpg")):
        draw(tmp_path / "plain" / name, number)
    return tmp_path / "plain"


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """YOLO, an augmented copy of a shot called as one in ``plain``."""
    for number, name in enumerate(("A1_jpg.rf.a", "A1_jpg.rf.b", "B0_jpg.rf.a")):
        draw(tmp_path / "boxes" / "images" / f"{name}.jpg", 10 + number)
        (tmp_path / "boxes" / "labels").mkdir(exist_ok=True)
        (tmp_path / "boxes" / "labels" / f"{name}.txt").write_text(f"{'AB'.index(name[0])} .5 .5 .2 .2")
    return tmp_path / "boxes"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for person in ("ann", "bob-1", "bob-2"):
        for label in ("A", "b", "del"):
            draw(tmp_path / "people" / person / label / "1.jpg", len(person) + ord(label[0]))
    return tmp_path / "people"


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A table of people that names one of two."""
    for number, label in enumerate("AB"):
        draw(tmp_path / "named" / label / "1.jpg", 50 + number)
    (tmp_path / "named" / "signers.csv").write_text("file,label,signer\nA/1.jpg,A,ann\n")
    return tmp_path / "named"


def test_each_by_its_own_layout(plain: Path, boxes: Path, people: Path, named: Path) -> None:
    data = read_dataset([plain, boxes, people, named])
    assert data.layout == "folders + people + yolo"
    assert data.labels == ("7", "A", "B", "del")
    assert len(data.pictures) == len({p.path for p in data.pictures}) == 4 + 3 + 9 + 2
    assert [p.path for p in data.pictures] == sorted(p.path for p in data.pictures)
    by_path = {p.path: p for p in data.pictures}
    assert by_path["plain/A/1.jpg"].label == by_path["named/A/1.jpg"].label == "A"
    assert by_path["boxes/images/A1_jpg.rf.a.jpg"].box is not None
    assert {p.source for p in data.pictures} == {"plain", "boxes", "people", "named"}
    assert all(data.file_of(p).is_file() for p in data.pictures)
    assert np.array_equal(
        data.load(by_path["plain/A/1.jpg"]), read_dataset(plain).load(read_dataset(plain).pictures[1])
    )


def test_whose_pictures_they_are(plain: Path, boxes: Path, people: Path, named: Path) -> None:
    data = read_dataset([plain, boxes, people, named])
    people_of = {source: {p.signer for p in data.pictures if p.source == source} for source in data.roots}
    assert people_of == {"plain": {"plain"}, "boxes": {"boxes"}, "people": {"ann", "bob"}, "named": {"ann", None}}
    assert {p.signer for p in read_dataset(plain).pictures} == {None}, "a folder alone is split as it always was"
    bursts = {p.burst for p in data.pictures} - {None}
    assert bursts == {"plain/B/0", "boxes/A1", "boxes/B0"}, "equal names in two folders are two shots"


def test_a_person_is_in_one_part_whatever_the_folder(plain: Path, boxes: Path, people: Path, named: Path) -> None:
    data = read_dataset([plain, boxes, people, named])
    for seed in range(5):
        split = make_split(data, by="auto", seed=seed)
        assert split.method == "signer"
        where = {p.signer: part for part in split.parts for p in pictures_of(data, split, part)}
        seen = {(p.signer, part) for part in split.parts for p in pictures_of(data, split, part)}
        assert len(seen) == len(where)


def test_one_folder_keeps_its_paths_and_digest(plain: Path) -> None:
    alone, listed = read_dataset(plain), read_dataset([plain])
    assert alone == listed._replace(load=alone.load)
    assert [p.path for p in alone.pictures] == ["7/x.jpg", "A/1.jpg", "B/0_jpg.rf.a.jpg", "Del/D1.jpg"]


def test_digest_covers_every_folder(plain: Path, boxes: Path, tmp_path: Path) -> None:
    digest = read_dataset([plain, boxes]).digest
    cache = tmp_path / "cache.json"
    assert read_dataset([boxes, plain], cache=cache).digest == digest, "the order of the folders decides nothing"
    draw(boxes / "images" / "A1_jpg.rf.a.jpg", 99)
    assert read_dataset([plain, boxes], cache=cache).digest != digest


def test_people_layout(people: Path) -> None:
    data = read_dataset(people)
    assert data.layout == "people"
    assert Counter(p.signer for p in data.pictures) == {"ann": 3, "bob": 6}
    summary = check_dataset(people)
    sittings = next(finding for finding in summary.findings if finding.kind == "sittings")
    assert sittings.what == "bob-1 … bob-2 count as one person, bob"
    assert summary.per_person == {"ann": 3, "bob": 6}
    (people / "ann" / "Z").mkdir()
    draw(people / "ann" / "loose.jpg")
    kinds = {finding.kind: finding for finding in check_dataset(people).findings}
    assert kinds["empty-class"].severity == "warning", "a sign that one person has not shown yet"
    assert kinds["no-label"].paths == ("ann/loose.jpg",)


def test_parts_of_an_archive_are_not_people(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        for label in "AB":
            draw(tmp_path / part / label / "1.jpg")
    assert read_dataset(tmp_path).layout == "folders"


def test_own_words_by_person(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        for label in ("hello", "thanks"):
            draw(tmp_path / person / label / "1.jpg")
    assert read_dataset(tmp_path, "people").labels == ("hello", "thanks")


def test_only_some_labels(plain: Path, boxes: Path) -> None:
    data = read_dataset([plain, boxes], labels=choose_labels(["a-z", "Del"]))
    assert data.labels == ("A", "B", "del")
    assert data.left_out == {"7": 1}
    summary = check_dataset([plain, boxes], labels=choose_labels(["A-Z"]))
    assert summary.left_out == {"7": 1, "del": 1}
    text = format_summary(summary)
    assert "  left out 7 1    del 1" in text
    assert "  folders  boxes 3  plain 2" in text
    with pytest.raises(DataError, match="found no picture of nothing, only of 7, A, B, del; correct the list"):
        read_dataset(plain, labels=choose_labels(["A-Z", "nothing"]))
    for wrong in ("Z-A", "A-9"):
        with pytest.raises(DataError, match="expected a range such as A-Z"):
            choose_labels([wrong])


def test_a_table_beside_a_folder(plain: Path, tmp_path: Path) -> None:
    header = ",".join(["label", *(f"pixel{n}" for n in range(1, 785))])
    rows = [",".join(map(str, [label, *[level] * 784])) for label, level in ((0, 9), (1, 90))]
    (tmp_path / "table.csv").write_text("\n".join([header, *rows]))
    data = read_dataset([tmp_path / "table.csv", plain])
    grey = next(p for p in data.pictures if p.path == "table.csv/table.csv#2")
    assert (grey.label, data.load(grey).max()) == ("B", 90)


def test_folders_of_one_name(tmp_path: Path) -> None:
    for folder in ("one/photos", "two/photos", "three"):
        for label in "AB":
            draw(tmp_path / folder / label / "1.jpg")
    data = read_dataset([tmp_path / "one/photos", tmp_path / "two/photos", tmp_path / "three"])
    assert set(data.roots) == {"one-photos", "two-photos", "three"}
    assert "one-photos/A/1.jpg" in {p.path for p in data.pictures}


@pytest.mark.parametrize("other", ["plain", "plain/A", "."])
def test_a_folder_within_another_counts_twice(plain: Path, other: str) -> None:
    with pytest.raises(DataError, match="found one within the other; name one"):
        read_dataset([plain, plain.parent / other], "folders")


def test_a_signer_pattern_must_match_somewhere(plain: Path, people: Path) -> None:
    data = read_dataset([plain, people], signer_pattern="^(ann|bob)")
    assert {p.signer for p in data.pictures} == {"plain", "ann", "bob"}
    with pytest.raises(DataError, match=r"matches no path below .*plain or .*people"):
        read_dataset([plain, people], signer_pattern="^(cleo)")


@needs_data
def test_all_real_folders_at_once(tmp_path: Path) -> None:
    names = ("letters", "letters-boxes", "letters-rooms", "people", "stranger")
    folders, cache = [Path(REAL or "") / name for name in names], tmp_path / "cache.json"
    choice = choose_labels(["A-Z", "del", "space", "nothing"])
    data = read_dataset(folders, labels=choice, cache=cache)
    assert len(data.labels) == 29
    assert sum(data.left_out.values()) == 80 + 432, "the digits of minhquyen and of eight sittings of evriel714"
    people = {p.signer for p in data.pictures}
    assert len(people) == 13
    assert {"evriel714", "t32rahman", "letters", "letters-boxes", "letters-rooms", "stranger"} < people
    start = time.process_time()
    assert read_dataset(folders, labels=choice, cache=cache).digest == data.digest
    assert time.process_time() - start < 4.0, "1.3 s for 11,700 pictures"
