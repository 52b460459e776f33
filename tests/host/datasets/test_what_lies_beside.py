"""What lies beside the pictures that count: said where it may be the user's own, and never counted where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_as_people_have_them import noise

from edge_asl.datasets.litter import is_litter
from edge_asl.datasets.readers import read_dataset
from edge_asl.errors import DataError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of two pictures."""
    for seed, name in enumerate(("A/1.png", "A/2.png", "B/1.png", "B/2.png")):
        noise(tmp_path / "data" / name, seed)
    return tmp_path / "data"


def said(data: Path) -> str:
    return "\n".join(read_dataset(data).warnings)


def test_pictures_beside_the_class_folders_are_said(data: Path) -> None:
    for number in range(3):
        noise(data / f"IMG_{number}.png", 10 + number)
    for name in ("film.mov", "more.zip", "README.md", "table.csv"):
        (data / name).write_bytes(b"x")

    assert len(read_dataset(data).pictures) == 4
    assert "3 × IMG_0.png and 2 more like it: a picture beside the class folders; skipped" in said(data)
    assert "film.mov: .mov is not read; skipped; take single pictures out of the film" in said(data)
    assert "more.zip: .zip is not read; skipped; unpack it" in said(data)
    assert "README" not in said(data)
    assert "table" not in said(data)


def test_so_are_pictures_beside_the_people(tmp_path: Path) -> None:
    for seed, name in enumerate(("ann/A", "ann/B", "bob/A", "bob/B")):
        noise(tmp_path / name / "1.png", seed)
    noise(tmp_path / "IMG_7.png", 9)
    (tmp_path / "ann" / "film.mp4").write_bytes(b"x")

    assert read_dataset(tmp_path).layout == "people"
    assert "IMG_7.png: a picture beside the class folders" in said(tmp_path)
    assert "ann/film.mp4: .mp4 is not read" in said(tmp_path)


def test_class_folders_beside_named_pictures_are_said(tmp_path: Path) -> None:
    for name in ("A_1.png", "B_1.png", "C/1.png"):
        noise(tmp_path / "train" / name, len(name))

    assert "train/C: a folder beside pictures that are named after their class; skipped" in said(tmp_path)


def test_no_class_at_all_comes_with_the_reason(tmp_path: Path) -> None:
    noise(tmp_path / "train" / "IMG_1.png", 1)
    noise(tmp_path / "train" / "A" / "1.png", 2)

    with pytest.raises(
        DataError, match=r"found none \(train/IMG_1.png: the file name .*; train/A: a folder beside pict"
    ):
        read_dataset(tmp_path)


def test_a_folder_of_other_files_is_no_empty_class(data: Path) -> None:
    (data / "annotations").mkdir()
    (data / "annotations" / "1.xml").write_text("<annotation/>")

    with pytest.raises(DataError, match="no pictures of class annotations, only 1 other files or folders"):
        read_dataset(data)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (".IMG_1.HEIC.icloud", ".icloud is not read; skipped; finish its download"),
        ("IMG_1.jpg.crdownload", ".crdownload is not read; skipped; finish its download"),
        ("photo1", "its name has no suffix such as .jpg; skipped; add it if it is a picture, else move it elsewhere"),
    ],
)
def test_pictures_that_are_not_whole_or_not_named_are_said(data: Path, name: str, what: str) -> None:
    (data / "A" / name).write_bytes(b"x")

    assert f"A/{name}: {what}" in said(data)


LITTER = (
    "IMG_1.jpg.json",
    "IMG_1.HEIC.supplemental-metadata.json",
    "IMG_1.jpg.suppl(2).json",
    "IMG_1.jpg:Zone.Identifier",
    "IMG_1.jpg@SynoEAStream",
    "Catalog.lrcat-data",
    "pspbrwse.jbf",
    "WPSettings.dat",
)


@pytest.mark.parametrize("name", LITTER)
def test_what_tools_leave_beside_a_picture_is_no_matter(data: Path, name: str) -> None:
    (data / "A" / name).write_bytes(b"x")

    assert said(data) == ""


@pytest.mark.parametrize("folder", ["Photos Library.photoslibrary", "THMBNL", "LOST.DIR", "_gsdata_", "@eaDir"])
def test_copies_that_programs_keep_do_not_count(data: Path, folder: str) -> None:
    noise(data / "A" / folder / "deep" / "1.png", 3)

    assert len(read_dataset(data).pictures) == 4
    assert any(f"A/{folder}: left by a system or tool" in note for note in read_dataset(data).notes)


@pytest.mark.parametrize("name", ["notes.json", "data.json", "IMG_1.jpg", "thumb.jpg", "zone.png"])
def test_what_may_be_the_users_own_is_no_litter(name: str) -> None:
    assert not is_litter(name, folder=False)
