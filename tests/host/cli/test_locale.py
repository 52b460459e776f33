"""A workstation whose locale is not UTF-8: nothing fails for an arrow, and names stay what they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_build import Built, edge_asl


@pytest.fixture(scope="module")
def latin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """German in ISO-8859-1, made by the C library's own tool."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("no localedef here")
    if run.returncode > 1:  # 1: warnings
        pytest.skip(f"no such locale can be made here: {run.stderr.strip()}")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": ""}


def edge_asl_bytes(*arguments: object, environment: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "edge_asl", *map(str, arguments)]
    env = {key: value for key, value in (os.environ | environment).items() if value or key != "PYTHONUTF8"}
    run = subprocess.run(command, env=env, capture_output=True, timeout=600, check=False)
    assert b"Traceback" not in run.stderr, run.stderr[-2000:]
    assert b"UnicodeEncodeError" not in run.stderr
    return run.stdout


@pytest.fixture
def folder(built: Built, tmp_path: Path) -> Path:
    """Pictures of A and of grün: three bytes or two, as the locale reads it."""
    shutil.copytree(built.data / "A", tmp_path / "data" / "A")
    shutil.copytree(built.data / "B", tmp_path / "data" / "grün")
    return tmp_path / "data"


def test_names_are_read_as_utf8_and_shown_as_the_terminal_can(folder: Path, latin: dict[str, str]) -> None:
    said = edge_asl_bytes("data", "check", folder, environment=latin)
    assert "grün 24".encode("latin-1") in said
    assert b" -> " in said
    found = json.loads(edge_asl_bytes("data", "check", folder, "--json", environment=latin))
    assert found["per_class"] == {"A": 24, "grün": 24}


def test_every_command_that_draws_arrows_ends_well(built: Built, latin: dict[str, str], tmp_path: Path) -> None:
    assert b"SOFTMAX" in edge_asl_bytes("inspect", built.bundle, environment=latin)
    report = ("--report", tmp_path / "report.html")
    assert b"accuracy" in edge_asl_bytes("evaluate", built.bundle, "--data", built.data, *report, environment=latin)
    assert "→" in (tmp_path / "report.html").read_text("utf-8")
    assert b"bundle: " in edge_asl_bytes(*built.arguments, environment=latin)


def test_a_terminal_of_ascii(golden_bundle: Path, built: Built) -> None:
    run = edge_asl("data", "check", built.data, environment={"PYTHONIOENCODING": "ascii"})
    assert run.returncode == 0, run.stderr
    assert run.stdout.isascii()
