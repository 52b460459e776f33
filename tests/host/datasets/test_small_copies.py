"""Thumbnails that no name gives away are seen before a build, and only where sizes differ is anything compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_as_people_have_them import noise

from edge_asl.datasets.readers import read_dataset
from edge_asl.datasets.small_copies import small_copies, told_of_small_copies
from edge_asl.progress import Lines, Quiet


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of six pictures, and of four of one class small copies in a folder of their own."""
    for number in range(6):
        for label in "AB":
            noise(tmp_path / "data" / label / f"{number}.png", number + 50 * (label == "B"), side=192)
    for number in range(4):
        noise(tmp_path / "data" / "A" / "previews" / f"x{9 - number}.png", number, side=48)
    return tmp_path / "data"


def test_small_copies_are_found_with_what_they_are_copies_of(data: Path) -> None:
    found = small_copies(read_dataset(data), Quiet())

    assert sorted(found) == sorted((f"A/previews/x{9 - n}.png", f"A/{n}.png") for n in range(4))


def test_the_warning_is_one_line_and_remembered(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.json"
    first = told_of_small_copies(read_dataset(data), Lines(), kept)
    assert "compared, as their sizes differ: 10 done" in capsys.readouterr().err
    again = told_of_small_copies(read_dataset(data), Lines(), kept)
    assert capsys.readouterr().err == ""

    assert again.warnings == first.warnings
    assert len(first.warnings) == 1
    assert first.warnings[0].startswith(
        "4 × A/previews/x6.png and 3 more like it: a small copy of A/3.png; remove them"
    )
    assert first.digest == read_dataset(data).digest


def test_other_data_are_looked_at_anew(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    told_of_small_copies(read_dataset(data), Quiet(), kept)
    for path in (data / "A" / "previews").glob("*.png"):
        path.unlink()

    assert not told_of_small_copies(read_dataset(data), Quiet(), kept).warnings


def test_pictures_of_one_size_are_not_decoded(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (data / "A" / "previews").glob("*.png"):
        path.unlink()
    noise(data / "A" / "again.png", 0, side=180)  # a burst, not a thumbnail

    assert small_copies(read_dataset(data), Lines()) == []
    assert capsys.readouterr().err == ""


def test_a_picture_that_cannot_be_read_is_left_to_whoever_reads_it(data: Path) -> None:
    (data / "A" / "0.png").write_bytes(b"no picture")
    whole = (data / "A" / "1.png").read_bytes()
    (data / "A" / "1.png").write_bytes(whole[: len(whole) // 2])

    assert len(small_copies(read_dataset(data), Quiet())) == 2
