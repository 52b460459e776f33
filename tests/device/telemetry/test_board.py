"""What a machine says of its power, heat and memory card: the files of a Raspberry Pi, of a PC, and of none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_asl_device.telemetry.board import THROTTLED, Board, read_board
from edge_asl_device.telemetry.metrics import Metrics


def files(root: Path, **content: str) -> Path:
    for name, text in content.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def pi(root: Path, word: str, millidegrees: int = 51_540, errors: str = "0") -> Path:
    files(
        root, class__thermal__thermal_zone0__type="cpu-thermal", class__thermal__thermal_zone0__temp=str(millidegrees)
    )
    files(root, fs__ext4__mmcblk0p2__errors_count=errors)
    (root / THROTTLED).parent.mkdir(parents=True)
    (root / THROTTLED).write_text(word + "\n")
    return root


def test_a_pi_without_trouble(tmp_path: Path):
    board = read_board(pi(tmp_path, "0"))
    assert board == Board(51.54, False, False, False, False, 0)
    assert board.troubles == []


@pytest.mark.parametrize(
    ("word", "expected", "trouble"),
    [
        ("50005", (True, True, True, True), "power supply"),
        ("50000", (False, True, False, True), "power supply"),
        ("10000", (False, True, False, False), "power supply"),
        ("80008", (False, False, True, True), "heat"),
        ("20000", (False, False, False, True), "heat"),
    ],
)
def test_the_firmware_s_word(tmp_path: Path, word: str, expected: tuple[bool, ...], trouble: str):
    board = read_board(pi(tmp_path, word))
    found = (board.undervoltage, board.undervoltage_since_boot, board.throttled, board.throttled_since_boot)
    assert found == expected
    (line,) = board.troubles
    assert trouble in line


def test_a_hot_pi_and_a_dying_card(tmp_path: Path):
    board = read_board(pi(tmp_path, "0", millidegrees=83_000, errors="17"))
    assert [("heat" in line, "17 errors" in line) for line in board.troubles] == [(True, False), (False, True)]


def test_a_kernel_that_shows_only_the_alarm(tmp_path: Path):
    files(tmp_path, class__hwmon__hwmon1__name="rpi_volt", class__hwmon__hwmon1__in0_lcrit_alarm="1")
    board = read_board(tmp_path)
    assert (board.undervoltage, board.undervoltage_since_boot, board.throttled) == (True, None, None)


@pytest.mark.parametrize("content", ["", "rubbish", "\xff\xfe", "9" * 5000])
def test_rubbish_is_not_told(tmp_path: Path, content: str):
    board = read_board(pi(tmp_path, content, errors=content))
    assert board.troubles == [] or content.startswith("9")
    assert read_board(tmp_path / "nothing") == Board()


def test_as_metrics(tmp_path: Path):
    metrics = Metrics()
    metrics.show_board(read_board(pi(tmp_path, "50005", errors="3")))
    text = metrics.text().decode()
    for line in ("temperature_celsius 51.54", "undervoltage 1.0", "throttled 1.0", "disk_errors 3.0"):
        assert f"edge_asl_board_{line}\n" in text
    metrics.show_board(Board())
    assert "edge_asl_board_undervoltage NaN" in metrics.text().decode()
