"""Which device was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_asl.deploy.target import parse_target
from edge_asl.errors import DeviceError


def test_a_folder_of_this_machine_that_is_or_will_be(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "new" / "kiosk", tmp_path / "link" / "kiosk"):
        assert parse_target(f"local:{folder}", None, None).root == str(folder)


@pytest.mark.parametrize("below", ["", "/kiosk", "/a/b"])
def test_a_file_is_no_folder(tmp_path: Path, below: str):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DeviceError) as raised:
        parse_target(f"local:{file}{below}", None, None)

    assert str(raised.value) == f"local:{file}{below}: {file} is a file, not a folder; choose another"
