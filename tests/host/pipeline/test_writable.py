"""What is tried before hours of work leaves no trace, and refuses in one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_asl.errors import DataError
from edge_asl.pipeline.context import BuildRequest, open_context
from edge_asl.pipeline.writable import check_replaceable_folder, check_report, check_writable
from edge_asl.progress import Quiet
from edge_asl.recipes.recipe import load_recipe


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", "x")
    check_replaceable_folder(tmp_path / "c" / "d", "x")
    check_report(tmp_path / "e" / "page.html")
    assert not list(tmp_path.iterdir())


def test_several_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: check_writable(tmp_path / "a" / "b" / "c", "x"), range(200)))


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"file.*: cannot be written: .*; choose another --out"):
        check_writable(tmp_path / "file" / "models", "another --out")
    with pytest.raises(DataError, match="expected a file to write, found a folder"):
        check_report(tmp_path / "folder")
    with pytest.raises(DataError, match=r"/proc.*: cannot be written"):
        check_writable(Path("/proc/nowhere/models"), "another --out")
    with pytest.raises(DataError, match="found the root of a disk"):
        check_replaceable_folder(Path("/proc"), "another --out")


@pytest.mark.parametrize("option", ["--out", "--calibration"])
def test_nothing_is_written_among_the_pictures(tmp_path: Path, option: str) -> None:
    """Who stands in the data folder and takes the defaults would train classes models and calibration_data."""
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for label in "AB":
        (data / label).mkdir(parents=True)
    out = (data if option == "--out" else elsewhere) / "models" / "demo"
    calibration = (data if option == "--calibration" else elsewhere) / "calibration_data"
    request = BuildRequest([data], "demo", load_recipe("demo", []), "none", out, calibration)

    with pytest.raises(DataError, match=rf"lies within the data folder .*data, .*; choose another {option}, or name"):
        open_context(request, Quiet())
    assert sorted(path.name for path in data.iterdir()) == ["A", "B"]
    assert not elsewhere.exists()
