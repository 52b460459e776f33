"""What a build and an evaluation say of odd data, where the user looks; and a label's way to the device."""

from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_build import Built, build_arguments, device, edge_asl

NAMES = ("i", "ı", "e\u0301", "thank you", "i'm fine", "Hello", "👨\u200d👩\u200d👧")
"""As a Mac writes them; of the last there is one picture, so that no part but training has any."""


@pytest.fixture(scope="module")
def strange(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of classes with such names, ten of their pictures in a format that is not read."""
    folder = tmp_path_factory.mktemp("strange")
    pictures = sorted(path for path in drawn.rglob("*") if path.suffix in (".jpg", ".png"))
    for number, name in enumerate(NAMES):
        (folder / "data" / name).mkdir(parents=True)
        for picture in pictures[number * 12 : number * 12 + (12 if name != NAMES[-1] else 1)]:
            shutil.copy(picture, folder / "data" / name / picture.name)
    for number in range(10):
        (folder / "data" / "Hello" / f"{number}.gif").write_bytes(b"GIF89a")
    arguments = build_arguments(folder / "data", folder, **{"training.epochs": "1"})
    run = edge_asl(*arguments)
    assert run.returncode == 0, run.stderr[-3000:]
    return Built(folder / "data", folder / "models" / "tiny", folder / "calibration" / "tiny", arguments, run)


def test_a_build_says_what_it_skipped_renamed_and_did_not_test(strange: Built) -> None:
    said = strange.run.stderr
    assert "warning: 10 × Hello/0.gif and 9 more like it: .gif is not read; skipped; convert it to JPEG or PNG" in said
    assert "note: i: i is class I" in said
    assert f"not tested   {NAMES[-1]}: no picture shows them" in strange.run.stdout
    report = (strange.bundle / "report.html").read_text("utf-8")
    assert ".gif is not read; skipped" in report


def test_a_second_build_says_it_again_and_does_nothing(strange: Built) -> None:
    run = edge_asl(*strange.arguments)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "warning: 10 × Hello/0.gif" in run.stderr
    assert "training: unchanged" in run.stderr
    assert "bundle: unchanged" in run.stderr


def test_labels_on_the_device_are_the_folders_names(strange: Built) -> None:
    wanted = {unicodedata.normalize("NFC", name) for name in NAMES} - {"i"} | {"I"}
    run = device("classify", strange.bundle, strange.data, "--json", "--top", len(NAMES))
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert {prediction["label"] for prediction in rows[0]["predictions"]} == wanted


def test_one_class_can_be_evaluated(strange: Built, tmp_path: Path) -> None:
    shutil.copytree(strange.data / "Hello", tmp_path / "one" / "Hello")
    run = edge_asl("evaluate", strange.bundle, "--data", tmp_path / "one", "--report", tmp_path / "report.html")
    assert run.returncode == 0, run.stderr
    assert "warning: 10 × Hello/0.gif" in run.stderr
    assert "12 pictures" in run.stdout
    assert "not tested   I, é, ı, i'm fine, thank you" in run.stdout
    assert ".gif is not read" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("option", ["--calibration", "--out", "--report"])
def test_a_disk_that_is_read_only_is_noticed_before_the_work(
    option: str, small_disk: Callable[[int], Path], built: Built, tmp_path: Path
) -> None:
    disk = small_disk(1)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], timeout=30, check=True)
    if option == "--report":
        arguments: list[object] = [
            "evaluate",
            built.bundle,
            "--data",
            built.data,
            option,
            disk / "deep" / "report.html",
        ]
    else:
        arguments = [*build_arguments(built.data, tmp_path), option, disk / "deep" / "tiny"]
    run = edge_asl(*arguments)
    assert run.returncode == 1
    lines = run.stderr.splitlines()
    assert len(lines) == 1, "before anything else"
    assert lines[0].startswith(f"edge-asl: {disk}")
    assert f"Read-only file system; choose another {option}" in lines[0]
    assert not list(tmp_path.rglob("*"))
