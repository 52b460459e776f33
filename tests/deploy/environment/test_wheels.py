"""What is shipped: both wheels, whole and without what belongs to the repository only."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNWANTED = ("tests/", "test_", "models/", "calibration_data/", ".tflite", ".h5", ".npz", ".work", "__pycache__", ".pyc")


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments), "--disable-pip-version-check", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Import package → its wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT / "device", ROOT / "host")
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def source_files(package: Path) -> set[str]:
    """Every file of a package's folder, as a wheel should name it."""
    found = (path for path in package.rglob("*") if path.is_file())
    return {
        path.relative_to(package.parent).as_posix()
        for path in found
        if "__pycache__" not in path.parts and not any(part.startswith(".") for part in path.parts[-3:])
    }


def test_both_are_built(wheels: dict[str, Path]):
    assert set(wheels) == {"edge_asl", "edge_asl_device"}


@pytest.mark.parametrize(("half", "package"), [("host", "edge_asl"), ("device", "edge_asl_device")])
def test_a_wheel_holds_the_whole_package_and_nothing_else(wheels: dict[str, Path], half: str, package: str):
    shipped = {name for name in names(wheels[package]) if ".dist-info/" not in name}

    assert shipped == source_files(ROOT / half / package)
    assert not [name for name in shipped if any(word in name for word in UNWANTED)]


def test_what_is_no_python_is_there_too(wheels: dict[str, Path]):
    host = names(wheels["edge_asl"])

    for recipe in ("demo", "digits", "digits-mobilenet", "letters", "letters-mobilenet", "letters-small"):
        assert f"edge_asl/recipes/{recipe}.toml" in host
    assert "edge_asl/evaluation/report.html.j2" in host


def test_the_licence_and_the_requirements_are_told(wheels: dict[str, Path]):
    for package, needs in (("edge_asl", "edge-asl-device"), ("edge_asl_device", "msgspec")):
        with zipfile.ZipFile(wheels[package]) as file:
            metadata = next(name for name in file.namelist() if name.endswith("METADATA"))
            text = file.read(metadata).decode()
        assert "License-Expression: Apache-2.0" in text
        assert f"Requires-Dist: {needs}" in text


@pytest.mark.parametrize("package", ["edge_asl", "edge_asl_device"])
def test_an_installed_wheel_answers(wheels: dict[str, Path], package: str, tmp_path: Path):
    pip("install", "--no-deps", "--no-index", "--target", tmp_path, wheels[package])
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}

    def answer(*command: str) -> str:
        run = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    where = answer(sys.executable, "-c", f"import {package}; print({package}.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
    program = package.replace("_", "-")
    for command in ([sys.executable, "-m", package], [sys.executable, str(tmp_path / "bin" / program)]):
        assert answer(*command, "--help").lower().startswith("usage: ")
        assert answer(*command, "--version").startswith(f"{program} ")
    if package == "edge_asl":
        assert "digits" in answer(sys.executable, "-m", package, "recipes")
