"""Files of landmarks without pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_asl.datasets.landmark_files import read_landmark_files
from edge_asl.errors import DataError


def write(path: Path, count: int = 3, labels: tuple[str, ...] = ("a", "B", "Delete"), **more: np.ndarray) -> Path:
    np.savez(path, **({"landmarks": np.ones((count, 21, 2), np.float16), "label": np.array(labels)} | more))
    return path


def test_files_and_folders_are_read_with_their_names(tmp_path: Path):
    write(tmp_path / "one.npz")
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "two.npz", 1, ("q",))
    hands = read_landmark_files([tmp_path / "one.npz", tmp_path / "more"])

    assert hands.labels == ("A", "B", "del", "Q")
    assert hands.sources == ("one", "one", "one", "two")
    assert (hands.landmarks.shape, hands.landmarks.dtype) == ((4, 21, 2), np.float32)


def test_none_are_none():
    assert read_landmark_files([]).landmarks.shape == (0, 21, 2)


def test_content_tells_changed_files_apart(tmp_path: Path):
    first = read_landmark_files([write(tmp_path / "x.npz")]).content
    assert read_landmark_files([write(tmp_path / "x.npz", labels=("a", "B", "c"))]).content != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarks": np.ones((3, 20, 2), np.float32)}, r"expected finite landmarks \(3, 21, 2\), found \(3, 20, 2\)"),
        ({"landmarks": np.full((3, 21, 2), np.nan)}, "expected finite landmarks"),
        ({"label": np.array([{"a": 1}] * 3, object)}, "expected an .npz file with landmarks and label"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, change: dict[str, np.ndarray], message: str):
    with pytest.raises(DataError, match=rf"x\.npz: .*{message}|x\.npz: {message}"):
        read_landmark_files([write(tmp_path / "x.npz", **change)])


def test_what_is_no_archive_or_not_there_is_refused(tmp_path: Path):
    (tmp_path / "x.npz").write_text("no")
    for path in (tmp_path / "x.npz", tmp_path / "missing.npz"):
        with pytest.raises(DataError, match=r"expected an \.npz file with landmarks and label"):
            read_landmark_files([path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.npz file in this folder"):
        read_landmark_files([tmp_path / "empty"])
